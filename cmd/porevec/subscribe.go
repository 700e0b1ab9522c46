package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/sink/file"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"

	domain "github.com/porevec/porevec/signal"
)

// subscribeFlags are the flags of porevec subscribe.
type subscribeFlags struct {
	stream streamFlags
	read   string
	kind   string
	rows   uint64
	output string
	pool   string
	json   bool
}

func newSubscribe(g *global) *cobra.Command {
	var f subscribeFlags
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Print or save vectors from a stream",
		Long: `subscribe reads vectors from the stream in --store, or from a server. When
another porevec has the store open and listens (embed --listen), it connects to
that one and gets vectors as they are made; a store that nobody has open is read
to its end.

It prints a table; --json prints one object per vector (NDJSON), and -o saves to a
file with the same columns as embed -o.`,
		Example: `  porevec subscribe                              the stream in ./porevec-store
  porevec subscribe --nats nats://127.0.0.1:4222 --from new
  porevec subscribe --json -n 100 | jq -c '[.read_id,.chunk]'
  porevec subscribe --run RUN --json             a run of 'porevec store list'
  porevec subscribe --kind alert --from new | jq .group
  porevec subscribe --from 2026-11-23T08:00:00Z --until-idle 10s -o today.parquet`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.start(cmd, g) },
	}
	flags := cmd.Flags()
	f.stream.register(flags)
	flags.StringVar(&f.kind, "kind", wire.Emb, "emb: vectors; read: what came of each read of a live run; hit: answers of 'index search'; alert: alarms of its watch list")
	flags.StringVar(&f.read, "read", "", "only vectors of this read")
	flags.Uint64VarP(&f.rows, "rows", "n", 0, "end after this many vectors (0: all)")
	flags.StringVarP(&f.output, "output", "o", "", "save to this .parquet, .arrow, .npy or .ndjson file")
	registerPool(flags, &f.pool)
	flags.BoolVar(&f.json, "json", false, "one JSON object per vector")
	return cmd
}

func (f *subscribeFlags) start(cmd *cobra.Command, g *global) error {
	cfg, err := f.stream.config()
	if err != nil {
		return err
	}
	if f.read != "" {
		if _, err := domain.ParseReadID(f.read); err != nil {
			return usageError("--read %q: %w", f.read, err)
		}
	}
	cfg.Log, cfg.Kind = g.logger(), f.kind
	switch {
	case !slices.Contains([]string{wire.Emb, wire.Read, wire.Hit, wire.Alert}, f.kind):
		return usageError("--kind %q: must be emb, read, hit or alert", f.kind)
	case f.kind != wire.Emb && (f.output != "" || f.read != "" || f.rows > 0):
		return usageError("--output, --read and --rows are for vectors; answers and alarms are lines of JSON: take jq")
	}
	if f.output != "" && !file.Known(f.output) {
		return usageError("-o %q: the name must end in .parquet, .arrow, .npy or .ndjson", f.output)
	}
	if err := validatePool(f.pool, f.output); err != nil {
		return err
	}
	if f.output != "" {
		if err := checkVectors(file.Names(f.output)); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	subscription, err := jetstream.Subscribe(ctx, cfg)
	if err != nil {
		return subscribeError(err)
	}
	defer subscription.Close()
	out, err := f.writer(cmd.OutOrStdout())
	if err != nil {
		return exit(exitFailure, err)
	}
	var written uint64
	if f.kind == wire.Emb {
		written, err = f.copy(ctx, subscription, out)
	} else {
		written, err = f.copyLines(ctx, subscription, cmd.OutOrStdout())
	}
	interrupted := ctx.Err() != nil
	if written == 0 && err == nil && !interrupted && !cfg.New && subscription.Skipped() == 0 {
		f.hint(ctx, subscription, cfg.Log)
	}
	if closeErr := out.close(err == nil || interrupted); err == nil || interrupted {
		err = closeErr
	}
	switch {
	case err != nil:
		return exit(exitFailure, err)
	case interrupted:
		return exit(exitInterrupted, nil)
	case subscription.Skipped() > 0:
		return exit(exitSkipped, fmt.Errorf("%d messages could not be read and were passed over", subscription.Skipped()))
	}
	return nil
}

// hint tells what a stream holds of which nothing was wanted.
func (f *subscribeFlags) hint(ctx context.Context, from *jetstream.Subscription, log *slog.Logger) {
	contents, err := from.Contents(ctx)
	if err != nil {
		return // what was asked for has been answered
	}
	const shown = 10
	var holds []string
	for i, r := range slices.Backward(contents.Runs) {
		if len(holds) == shown {
			holds = append(holds, fmt.Sprintf("and %d more", i+1))
			break
		}
		holds = append(holds, fmt.Sprintf("run %s of rig %s, position %s", r.Run, r.Rig, r.Position))
	}
	if len(holds) == 0 {
		log.Warn("the stream is empty")
		return
	}
	log.Warn("the stream holds nothing of what was asked for (--kind, --rig, --position, --run, --read, --from)", "it_holds", strings.Join(holds, "; "))
}

// copy writes the wanted rows, and counts them, until the stream, the count or the
// patience ends.
func (f *subscribeFlags) copy(ctx context.Context, from *jetstream.Subscription, to rowWriter) (written uint64, err error) {
	var wanted domain.ReadID
	if f.read != "" {
		wanted, _ = domain.ParseReadID(f.read) // checked by start
	}
	for {
		message, err := f.stream.next(ctx, from)
		if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		for i := range message.Batch.Len() {
			if f.read != "" && message.Batch.ReadIDs[i] != wanted {
				continue
			}
			if err := to.row(message.Batch, i); err != nil {
				return written, err
			}
			if written++; written == f.rows {
				return written, nil
			}
		}
		if err := to.flush(); err != nil {
			return written, err
		}
	}
}

// copyLines writes answers or alarms, which are lines of JSON, and counts them.
func (f *subscribeFlags) copyLines(ctx context.Context, from *jetstream.Subscription, to io.Writer) (written uint64, err error) {
	for {
		message, err := f.stream.next(ctx, from)
		if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		if _, err := fmt.Fprintf(to, "%s\n", bytes.TrimRight(message.Payload, "\n")); err != nil {
			return written, err
		}
		written++
	}
}

// rowWriter shows or saves vectors one by one.
type rowWriter interface {
	row(b *wire.Batch, i int) error
	flush() error
	// close ends the output; whole says that it holds all that was asked for.
	close(whole bool) error
}

func (f *subscribeFlags) writer(stdout io.Writer) (rowWriter, error) {
	switch {
	case f.output != "":
		out, err := file.Create(f.output, file.Options{Fresh: true, Pool: f.pool})
		if err != nil {
			return nil, err
		}
		return &fileRows{out: out}, nil
	case f.json:
		return &jsonRows{out: bufio.NewWriter(stdout)}, nil
	default:
		return &tableRows{out: bufio.NewWriter(stdout)}, nil
	}
}

// jsonRows writes NDJSON.
type jsonRows struct {
	out  *bufio.Writer
	line []byte
}

func (w *jsonRows) row(b *wire.Batch, i int) error {
	w.line = append(b.AppendJSON(w.line[:0], i), '\n')
	_, err := w.out.Write(w.line)
	return err
}
func (w *jsonRows) flush() error     { return w.out.Flush() }
func (w *jsonRows) close(bool) error { return w.out.Flush() }

// tableRows writes fixed columns, so that rows can be shown as they come.
type tableRows struct {
	out   *bufio.Writer
	begun bool
}

// shownValues is how many elements of a vector the table has room for.
const shownValues = 4

func (w *tableRows) row(b *wire.Batch, i int) error {
	if !w.begun {
		fmt.Fprintf(w.out, "%-36s %5s %5s %9s %7s %-10s %-32s %s\n", "READ", "CH", "CHUNK", "START", "SAMPLES", "FLAGS", "MODEL", "EMBEDDING")
		w.begun = true
	}
	r := b.Row(i)
	var values strings.Builder
	for _, v := range r.Vector[:min(shownValues, len(r.Vector))] {
		fmt.Fprintf(&values, "%+.3f ", v)
	}
	_, err := fmt.Fprintf(w.out, "%-36s %5d %5d %9d %7d %-10s %-32s %s… %d\n",
		r.ReadID, r.Channel, r.Chunk, r.ChunkStart, r.Samples, r.Flags, b.Recipe.ModelID, values.String(), len(r.Vector))
	return err
}
func (w *tableRows) flush() error     { return w.out.Flush() }
func (w *tableRows) close(bool) error { return w.out.Flush() }

// fileRows saves rows to a file; those of a message are written together.
type fileRows struct {
	out  *file.File
	from *wire.Batch
	rows wire.Batch
}

func (w *fileRows) row(b *wire.Batch, i int) error {
	if w.from != b {
		if err := w.flush(); err != nil {
			return err
		}
		w.from = b
		w.rows.Reset(b.Run, b.Recipe)
	}
	w.rows.AppendRow(b.Row(i))
	return nil
}

func (w *fileRows) flush() error {
	if w.rows.Len() == 0 {
		return nil
	}
	err := w.out.Write(&w.rows)
	w.rows.Reset(w.rows.Run, w.rows.Recipe)
	return err
}

func (w *fileRows) close(whole bool) error {
	if !whole {
		return w.out.Close()
	}
	err := w.flush()
	if err == nil {
		err = w.out.Flush(context.Background())
	}
	return errors.Join(err, w.out.Close())
}
