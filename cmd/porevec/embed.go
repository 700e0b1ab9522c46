package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// embedFlags are the flags of porevec embed.
type embedFlags struct {
	delivery deliveryFlags
	encoder  encoderFlags
	guard    guardFlags

	replay       replayFlags
	speed        string
	summary      string
	drainTimeout time.Duration
	json         bool

	// atRest is that of the pipeline.
	atRest func() bool
}

func newEmbed(g *global) *cobra.Command {
	var f embedFlags
	cmd := &cobra.Command{
		Use:   "embed PATH...",
		Short: "Embed recorded runs (POD5 or FAST5 files, or folders)",
		Long: `embed reads POD5 and FAST5 files, cuts every read into chunks, embeds each chunk and
delivers the vectors: to the NATS JetStream inside of this program (default; it
lies in --store), to another NATS server, or to a file.

An acknowledged vector is on disk. The stream is also the checkpoint: the same
command, run again after an interruption or a power cut, continues where the
stream ends and stores nothing twice.

A corrupt file or read is named, skipped and counted; the rest goes on. Ctrl-C
stops reading and delivers what is under way; a second one gives it up.`,
		Example: `  porevec embed run/pod5                       into ./porevec-store
  porevec embed run/pod5 --listen 127.0.0.1:4222   others may subscribe meanwhile
  porevec embed a.pod5 -o a.parquet            into a file (.parquet .arrow .npy -)
  porevec embed a.pod5 -o reads.npy --pool mean --summary reads.tsv   a vector per read
  porevec embed run/pod5 --nats nats://hub:4222    to another server
  porevec embed a.pod5 --speed 1x              at the sequencer's pace
  porevec embed a.pod5 --json | jq .acknowledged`,
		Args:    args(cobra.MinimumNArgs(1)),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.validate(cmd) },
		RunE:    func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths) },
	}
	flags := cmd.Flags()
	f.delivery.register(flags)
	f.encoder.register(flags)
	f.encoder.registerLimit(flags)
	f.guard.register(flags)
	f.replay.register(flags)
	flags.StringVar(&f.summary, "summary", "", "also write a table of all reads to this file (.tsv); its first columns are those of dorado summary")
	flags.StringVar(&f.speed, "speed", "max", "replay at a multiple of the sequencer's pace, e.g. 1x or 10x")
	flags.DurationVar(&f.drainTimeout, "drain-timeout", 30*time.Second, "how long an interrupted run may go on delivering")
	flags.BoolVar(&f.json, "json", false, "end with one JSON object on stdout")
	return cmd
}

// validate is also asked by config check.
func (f *embedFlags) validate(cmd *cobra.Command) error {
	if _, err := parseSpeed(f.speed); err != nil {
		return err
	}
	return f.validateShared(cmd)
}

// validateShared looks at the flags that all commands have that embed.
func (f *embedFlags) validateShared(cmd *cobra.Command) error {
	if err := f.delivery.validate(cmd.Flags()); err != nil {
		return err
	}
	if err := f.encoder.validate(); err != nil {
		return err
	}
	return f.guard.validate(&f.encoder)
}

func (f *embedFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	log := g.logger()
	speed, err := parseSpeed(f.speed)
	if err != nil {
		return err
	}
	files, err := findInput(paths, f.replay.recursive)
	if err != nil {
		return err
	}
	if err := f.checkOutputs(append(files, f.replay.readIDs)...); err != nil {
		return err
	}
	source, subset, err := f.replay.open(log, files)
	if err != nil {
		return err
	}
	defer source.Close()
	f.delivery.choice.Subset = subset
	report, interrupted, err := f.embed(cmd, g, log, source, speed, nil)
	if report == nil {
		return err
	}
	if !interrupted && err == nil {
		f.replay.warn(log, source)
	}
	return f.verdict(*report, interrupted, err)
}

// checkOutputs refuses what cannot be written, an input, and what is written besides.
func (f *embedFlags) checkOutputs(inputs ...string) error {
	if err := f.delivery.checkOutput(inputs...); err != nil || f.summary == "" {
		return err
	}
	if !strings.EqualFold(filepath.Ext(f.summary), ".tsv") { // of "--summary run/*.pod5" the shell makes a recording the table
		return usageError("--summary %s: the name must end in .tsv", f.summary)
	}
	for _, name := range []string{f.summary, f.summary + ".part"} {
		if err := checkOutput("--summary", name, inputs...); err != nil {
			return err
		}
	}
	return f.delivery.checkApart("--summary", f.summary)
}

// embedded is what came of a source.
type embedded struct {
	pipeline.Report
	filesFailed int
}

// embed delivers the vectors of a source and prints the result. during, which may
// be nil, begins what goes on beside it and gives what ends that. When nothing was
// begun, there is only an error.
func (f *embedFlags) embed(cmd *cobra.Command, g *global, log *slog.Logger, source *replay.Source, speed float64,
	during func(progress func() pipeline.Report) (end func()),
) (*embedded, bool, error) {
	// A file holds vectors of one space; lines of JSON name their model each.
	f.encoder.single = f.delivery.output != "" && f.delivery.output != "-"
	lines, err := f.encoder.open(log)
	if err != nil {
		return nil, false, exit(exitModel, err)
	}
	defer lines.Close()

	f.delivery.choice.MaxChunks = f.encoder.maxChunks
	out, err := f.delivery.open(cmd.Context(), log)
	if err != nil {
		return nil, false, exit(exitDelivery, err)
	}
	table, err := newSummary(f.summary)
	if err != nil {
		return nil, false, errors.Join(exit(exitFailure, err), out.sink.Close())
	}
	tracked := &currentRun{Source: source}
	p, err := pipeline.New(pipeline.Config{
		Source: tracked, LineFor: lines.lineFor, Sink: out.sink, Stored: out.stored, ReadEnd: table.hook(), AtRest: f.atRest,
		Workers: f.encoder.threads, BatchAge: f.encoder.batchAge,
		Speed: speed, Log: log,
	})
	if err != nil {
		return nil, false, errors.Join(usageError("%w", err), out.sink.Close())
	}
	guard := f.guard.newGuard(false, log)
	defer guard.close()
	unguarded := guard.watch(p)
	finish := showProgress(g.quiet, source.Progress, p.Progress)
	if out.stream != nil {
		bar, quiet := finish, publishStatus(out.stream, tracked, p.Progress, lines.devices, guard)
		finish = func() { quiet(); bar() }
	}
	if during != nil {
		show, end := finish, during(p.Progress)
		finish = func() { end(); show() }
	}
	report, interrupted, err := runUntilSignal(cmd.Context(), p, f.drainTimeout, log)
	finish()
	unguarded()
	err = errors.Join(err, table.close(err == nil && !interrupted))

	res := newResult(report)
	opened, failed := source.Files()
	res.Files, res.FilesFailed = opened+failed, failed
	res.DuplicateReads = source.Duplicates().Reads
	res.describe(lines, guard, &report, out.name)
	if err := f.printed(cmd, res.printJSON, res.print); err != nil {
		return nil, interrupted, exit(exitFailure, err)
	}
	return &embedded{report, failed}, interrupted, err
}

// printed writes a result, for programs or for people, where it does not mix with
// vectors.
func (f *embedFlags) printed(cmd *cobra.Command, asJSON, asText func(io.Writer) error) error {
	switch {
	case f.json:
		return asJSON(cmd.OutOrStdout())
	case f.delivery.output == "-":
		return asText(cmd.ErrOrStderr())
	}
	return asText(cmd.OutOrStdout())
}

// verdict turns what happened into an exit code.
func (f *embedFlags) verdict(report embedded, interrupted bool, err error) error {
	if bad := report.Check(); bad != nil {
		return exit(exitFailure, fmt.Errorf("the accounting does not add up, please report this: %w", bad))
	}
	failure := err
	if signal.ClassOf(err) == signal.Cancelled {
		failure = nil // it was asked for
	}
	switch {
	case errors.Is(failure, pipeline.ErrEncode) && report.Chunks == 0: // the same command would do no better
		return exit(exitModel, err)
	case errors.Is(failure, pipeline.ErrEncode):
		return exit(exitModel, fmt.Errorf("%w\n%s", err, f.rest()))
	case failure != nil:
		return exit(exitDelivery, fmt.Errorf("%w\n%d chunks were not delivered; %s", err, report.ChunksFailed+report.ChunksCancelled, f.rest()))
	case interrupted:
		return exit(exitInterrupted, errors.New("interrupted; "+f.rest()))
	}
	refused := report.ReadsSkipped[pipeline.NoModel]
	corrupt := report.filesFailed > 0 || report.ReadsSkipped[segment.Corrupt] > 0 || report.ChunksFailed > 0
	switch {
	case refused > 0 && (report.Chunks == 0 || !corrupt):
		return exit(exitModel, fmt.Errorf("%d reads were not embedded: no model for their run", refused))
	case corrupt:
		return exit(exitSkipped, nil)
	}
	return nil
}

// rest says where a run that ended early left things.
func (f *embedFlags) rest() string {
	file := f.delivery.output
	if _, err := os.Stat(file + ".part"); err == nil && f.delivery.files() != nil { // without rows there is none
		return fmt.Sprintf("what was embedded lies in %s.part; run the same command again to go on", file)
	}
	return "run the same command again to go on"
}

// runUntilSignal runs the pipeline. The first interrupt stops its source and
// lets it drain for at most drain; the second, or the end of that time, cancels.
func runUntilSignal(ctx context.Context, p *pipeline.Pipeline, drain time.Duration, log *slog.Logger) (report pipeline.Report, interrupted bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	ossignal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer ossignal.Stop(signals)

	finished, watcher := make(chan struct{}), make(chan bool)
	go func() {
		select {
		case <-finished:
			watcher <- false
			return
		case <-signals:
			log.Info("stopping: delivering what is under way; interrupt again to give it up")
			p.Stop()
		}
		select {
		case <-finished:
		case <-signals:
			ossignal.Stop(signals) // a third one ends the program
			cancel()
		case <-time.After(drain):
			log.Warn("not drained in time", "drain-timeout", drain)
			cancel()
		}
		watcher <- true
	}()
	report, err = p.Run(ctx)
	close(finished)
	return report, <-watcher, err
}

// parseSpeed reads "max", "1x", "2.5x" or a bare number.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	var speed float64
	var rest string
	n, _ := fmt.Sscanf(s, "%f%s", &speed, &rest)
	if n == 0 || (n == 2 && rest != "x") || strings.ContainsAny(s, " \t") || !(speed > 0) || math.IsInf(speed, 0) {
		return 0, usageError("--speed %q: say max, or a multiple of the sequencer's pace such as 1x", s)
	}
	return speed, nil
}

// defaultThreads leaves nothing idle: encoding is what the time goes to.
func defaultThreads() int { return runtime.GOMAXPROCS(0) }
