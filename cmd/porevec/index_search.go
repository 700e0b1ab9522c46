package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/sink/file"
)

// searchFlags are the flags of porevec index search.
type searchFlags struct {
	index     string
	maxChunks int
	fdr       float64
	prior     float64
	exact     bool
	probes    int

	format    string
	output    string
	eachChunk bool
	watchlist string
	json      bool

	replay  replayFlags
	encoder encoderFlags
	stream  streamFlags
	publish bool
}

func newIndexSearch(g *global) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search --index FILE.pvi [PATH...]",
		Short: "Say which target each read comes from",
		Long: `search looks for reads in an index: those of recorded runs (POD5 files or folders),
of files of vectors that embed -o made (.arrow, .parquet), or, without a PATH, those of
a stream of vectors, in --store or at --nats, while they are made.

Every chunk of a read votes for places; the answer gets surer with each. It is final
once the place is wrong with a probability of at most --fdr, and the read is called;
otherwise when --max-chunks were heard or the read is over, and the read stays
uncalled: better no answer than a wrong one. Of a stream, answers are also published
there, on the subject .hit.

Formats: tsv, a line per read (--each-chunk: per chunk) with a header; paf, as mappers
write it, lengths of reads in estimated bases; ndjson, one object per line.

With a --watchlist, targets belong to groups; when a group's rule is fulfilled the
alarm goes to stderr, to the subject .alert, and into the exit code (7).`,
		Example: `  porevec index search --index panel.pvi run/pod5
  porevec index search --index panel.pvi run/pod5 --format paf -o run.paf
  porevec index search --index panel.pvi vectors.parquet --watchlist pathogens.toml
  porevec index search --index panel.pvi --nats nats://127.0.0.1:4222 --from new
  porevec index search --index panel.pvi run/pod5 --each-chunk --format ndjson | jq -c '[.read_id,.chunks,.target,.probability]'`,
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.index, "index", "", "index to search in (required); 'porevec index build' makes one")
	flags.IntVar(&f.maxChunks, "max-chunks", 10, "chunks of a read that are heard before its answer is final (0: all)")
	flags.Float64Var(&f.fdr, "fdr", 0.01, "share of wrong answers that is tolerated: surer reads are called, others are not")
	flags.Float64Var(&f.prior, "prior", 0.5, "share of the reads that is expected to come from the index; smaller asks for more evidence")
	flags.BoolVar(&f.exact, "exact", false, "compare with every window, also of large indices")
	flags.IntVar(&f.probes, "probes", 0, "cells that are looked into (0: 320 in indices of 5 Mb and more, all in smaller ones)")
	flags.StringVar(&f.format, "format", "tsv", "tsv, paf or ndjson")
	flags.StringVarP(&f.output, "output", "o", "-", "file for the answers (-: stdout)")
	flags.BoolVar(&f.eachChunk, "each-chunk", false, "an answer after each chunk, marked final or not (tsv, ndjson)")
	flags.StringVar(&f.watchlist, "watchlist", "", "TOML file with groups of targets and when to raise an alarm")
	flags.BoolVar(&f.json, "json", false, "end with the summary as one JSON object on stdout (answers go to -o)")
	f.replay.register(flags)
	f.encoder.register(flags)
	f.stream.register(flags)
	flags.BoolVar(&f.publish, "publish", true, "publish answers on the stream that is searched")
	return cmd
}

func (f *searchFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	if err := f.validate(paths); err != nil {
		return err
	}
	if f.output != "-" {
		if err := checkText("-o", f.output, append(paths, f.index, f.watchlist, f.replay.readIDs)...); err != nil {
			return err
		}
	}
	if len(paths) > 0 && f.stream.nats != "" {
		g.logger().Warn("--nats is for streams: a PATH is searched, nothing is published", "nats", f.stream.nats)
	}
	ix, err := openIndex(f.index)
	if err != nil {
		return err
	}
	defer ix.Close()
	a, err := f.open(cmd, g, ix)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	begin := time.Now()
	switch {
	case len(paths) == 0:
		err = f.overStream(ctx, g, a)
	case storedVectors(paths[0]):
		err = f.overFiles(ctx, g, a, paths)
	default:
		err = f.overRuns(cmd.Context(), g, a, paths)
	}
	return a.end(err, time.Since(begin))
}

func (f *searchFlags) validate(paths []string) error {
	switch {
	case f.index == "":
		return usageError("name the index with --index, e.g. --index panel.pvi")
	case f.json && f.output == "-":
		return usageError("--json puts the summary on stdout: send the answers to a file with -o")
	case f.eachChunk && f.format == "paf":
		return usageError("--each-chunk: a PAF file has one line per read; take tsv or ndjson")
	case f.exact && f.probes > 0:
		return usageError("--exact looks into all cells, --probes %d into some: give one of them", f.probes)
	case f.probes < 0 || f.probes > 512:
		return usageError("--probes %d: must lie between 1 and 512; --exact looks into all cells", f.probes)
	}
	for _, path := range paths {
		if storedVectors(path) != storedVectors(paths[0]) {
			return usageError("%s and %s: search runs (POD5) or files of vectors, one kind at a time", paths[0], path)
		}
	}
	return f.encoder.validate()
}

// storedVectors says whether a path names a file of vectors.
func storedVectors(path string) bool { return file.Known(strings.TrimSuffix(path, ".part")) }

// overFiles searches files of vectors. One that cannot be searched is passed over.
func (f *searchFlags) overFiles(ctx context.Context, g *global, a *answers, paths []string) error {
	log := g.logger()
	skipped, mismatched := 0, 0
	for _, path := range paths {
		err := a.readFile(ctx, path)
		if errors.Is(err, search.ErrMismatch) {
			mismatched++
		}
		switch {
		case ctx.Err() != nil:
			return exit(exitInterrupted, errInterrupted)
		case errors.Is(err, errAnswer):
			return exit(exitFailure, err)
		case err != nil:
			skipped++
			log.Error("file is passed over", "error", err)
		}
	}
	return passedOver(skipped, mismatched, len(paths), "files")
}

var errInterrupted = errors.New("interrupted; the answers so far were written")

// passedOver says what it means that some of the input could not be searched: all
// of it because it is of another model, all of it, or a part.
func passedOver(skipped, mismatched, all int, things string) error {
	switch {
	case mismatched > 0 && mismatched == all:
		return exit(exitModel, fmt.Errorf("none of %d %s are of the index's model", all, things))
	case skipped > 0 && skipped == all:
		return exit(exitInput, fmt.Errorf("none of %d %s could be searched", all, things))
	case skipped > 0:
		return exit(exitSkipped, fmt.Errorf("%d of %d %s were passed over", skipped, all, things))
	}
	return nil
}

func (a *answers) readFile(ctx context.Context, path string) error {
	in, err := file.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	for ctx.Err() == nil {
		batch, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, _, err := a.take(batch); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return ctx.Err()
}
