package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// overRuns embeds recorded runs and searches the vectors at once.
func (f *searchFlags) overRuns(ctx context.Context, g *global, a *answers, paths []string) error {
	log := g.logger()
	files, err := findInput(paths, f.replay.recursive)
	if err != nil {
		return err
	}
	source, _, err := f.replay.open(log, files)
	if err != nil {
		return err
	}
	defer source.Close()
	f.encoder.maxChunks = f.maxChunks // nobody would listen to more
	lines, err := f.encoder.open(log)
	if err != nil {
		return exit(exitModel, err)
	}
	defer lines.Close()
	p, err := pipeline.New(pipeline.Config{
		Source: source, Sink: &searchSink{answers: a},
		LineFor: func(ctx context.Context, run *signal.Run) (*pipeline.Line, error) {
			return fitting(ctx, lines, run, a.search)
		},
		Workers: f.encoder.threads, BatchAge: f.encoder.batchAge, Log: log,
	})
	if err != nil {
		return usageError("%w", err)
	}
	finish := showProgress(g.quiet, source.Progress, p.Progress)
	report, interrupted, err := runUntilSignal(ctx, p, searchDrain, log)
	finish()
	if !interrupted && err == nil {
		f.replay.warn(log, source)
	}
	_, failed := source.Files()
	return searchVerdict(report, failed, interrupted, err)
}

// searchDrain is how long an interrupted search goes on with what was read.
const searchDrain = 10 * time.Second

// fitting is the line of a run whose vectors the index is for.
func fitting(ctx context.Context, lines *lines, run *signal.Run, s *search.Search) (*pipeline.Line, error) {
	line, err := lines.lineFor(ctx, run)
	if err != nil {
		return nil, err
	}
	if err := s.Check(line.Recipe); err != nil {
		return nil, &signal.Error{Op: "search", Err: fmt.Errorf("%w: %w", embed.ErrNoModel, err)}
	}
	return line, nil
}

// searchVerdict turns what happened to the reads into an exit code.
func searchVerdict(report pipeline.Report, filesFailed int, interrupted bool, err error) error {
	refused := report.ReadsSkipped[pipeline.NoModel]
	corrupt := filesFailed > 0 || report.ReadsSkipped[segment.Corrupt] > 0 || report.ChunksFailed > 0
	switch {
	case errors.Is(err, pipeline.ErrEncode):
		return exit(exitModel, err)
	case err != nil && signal.ClassOf(err) != signal.Cancelled:
		return exit(exitFailure, err)
	case interrupted:
		return exit(exitInterrupted, errInterrupted)
	case refused > 0 && (report.Chunks == 0 || !corrupt):
		return exit(exitModel, fmt.Errorf("%d reads were not searched: the index is not for their run", refused))
	case corrupt:
		return exit(exitSkipped, nil)
	}
	return nil
}

// searchSink searches the vectors that a pipeline makes.
type searchSink struct {
	answers *answers
	rows    wire.Batch
}

// Put implements sink.Sink.
func (s *searchSink) Put(_ context.Context, e *signal.Embedded, done func(error)) error {
	for i, c := range e.Chunks {
		if s.rows.Len() == 0 || c.Read.Run != s.rows.Run || e.Recipe != s.rows.Recipe {
			if err := s.search(); err != nil {
				return err
			}
			s.rows.Reset(c.Read.Run, e.Recipe)
		}
		s.rows.Append(c, e.Row(i))
	}
	done(nil)
	if s.rows.Len() < searchedAtOnce {
		return nil
	}
	return s.search()
}

// searchedAtOnce is how many chunks are gathered: many are found faster than few.
const searchedAtOnce = 512

func (s *searchSink) search() error {
	if s.rows.Len() == 0 {
		return nil
	}
	_, _, err := s.answers.take(&s.rows)
	s.rows.Reset(nil, nil)
	return err
}

// Flush implements sink.Sink.
func (s *searchSink) Flush(context.Context) error { return s.search() }

// Close implements sink.Sink.
func (s *searchSink) Close() error { return nil }
