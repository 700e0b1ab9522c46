package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/signal"
)

// Options choose what a [Source] replays, and how.
type Options struct {
	// ReadIDs keeps to these reads; nil means all.
	ReadIDs map[signal.ReadID]struct{}
	// MaxReads ends the replay after as many reads; 0 means all.
	MaxReads uint64
	// Decoders is the number of goroutines that decode; 0 means 1.
	Decoders int
	// Ended is called by Next when all blocks of a file have been handed out, or
	// with the error that it failed with; nil: nobody is told.
	Ended func(path string, err error)
	// Log gets warnings about files that hold nothing to replay; nil: none.
	Log *slog.Logger
}

// Source replays files in the given order, their reads in file order, each read
// in one block per piece of stored signal. One goroutine may use it; Progress,
// Files and Spent may be called from any. Close ends its goroutines.
type Source struct {
	reader *reader
	// current is the step that Next waits for, or nil.
	current *step
	// broken is the read whose remaining pieces are passed over, or nil.
	broken *signal.Read
	at     uint64 // samples of the current read handed out
	seen   seen
	// unmet are the reads of Options.ReadIDs that no file had so far.
	unmet map[signal.ReadID]struct{}

	done           atomic.Int64
	opened, failed atomic.Int64
}

// NewSource makes a source of files. They are opened when their turn comes.
func NewSource(files Files, opts Options) *Source {
	return &Source{reader: newReader(files, opts), unmet: maps.Clone(opts.ReadIDs)}
}

// Unmet lists, in order, the chosen reads that no file had so far.
func (s *Source) Unmet() []signal.ReadID {
	return slices.SortedFunc(maps.Keys(s.unmet), func(a, b signal.ReadID) int { return bytes.Compare(a[:], b[:]) })
}

// Duplicates tells of read ids that came more than once.
func (s *Source) Duplicates() Duplicates { return s.seen.Duplicates }

// Next gives the next block; io.EOF ends the replay. While all blocks are out, a
// few dozen, it waits for one to be released.
//
// An error of class corrupt means that a file or a read was skipped: go on
// calling Next. When the signal of a read turns out to be damaged there is no
// error but a last block with Err and Lost.
func (s *Source) Next(ctx context.Context) (*signal.Block, error) {
	for {
		if err := s.take(ctx); err != nil {
			return nil, err
		}
		step := s.current
		s.current = nil
		if block, err := s.play(step); block != nil || err != nil {
			return block, err
		}
	}
}

// take waits until the next step is there and decoded.
func (s *Source) take(ctx context.Context) error {
	s.reader.start()
	if s.current == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case step, more := <-s.reader.queue:
			if !more {
				return io.EOF
			}
			s.current = step
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.current.packed == nil {
		return nil
	}
	select {
	case <-s.current.decoded:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// play makes of a step what Next gives, which may be nothing.
func (s *Source) play(step *step) (*signal.Block, error) {
	if step.progress > 0 {
		s.done.Store(step.progress)
	}
	switch step.kind {
	case fileOpened:
		s.opened.Add(1)
	case fileFailed:
		s.failed.Add(1)
		s.ended(step.path, step.err)
	case fileEnded:
		s.reader.end(step.file)
		s.ended(step.path, nil)
	}
	read, err := step.read, step.err
	if read == nil || step.kind == readFailed {
		if read != nil {
			s.meet(read)
		}
		s.reader.recycle(step)
		return nil, err
	}
	if step.kind == readBegins {
		s.meet(read)
		s.at, s.broken = 0, nil
	}
	if s.broken == read {
		s.reader.recycle(step)
		return nil, nil
	}
	b := signal.NewBlock(read, s.at, step.samples, func() { s.reader.recycle(step) })
	s.at += uint64(len(step.samples))
	b.Last = step.last
	if err != nil {
		s.broken = read
		b.Last, b.Err, b.Lost = true, err, read.Samples-s.at
	}
	return b, nil
}

func (s *Source) ended(path string, err error) {
	if s.reader.opts.Ended != nil {
		s.reader.opts.Ended(path, err)
	}
}

// meet notes that a file has a read.
func (s *Source) meet(read *signal.Read) {
	delete(s.unmet, read.ID)
	s.seen.add(read)
}

// Progress tells how far the replay is, in bytes of files.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), s.reader.files.Bytes() }

// Files counts the files opened so far and those that could not be.
func (s *Source) Files() (opened, failed int) {
	return int(s.opened.Load()), int(s.failed.Load())
}

// Spent says what the time of the source's goroutines went to so far.
func (s *Source) Spent() Spent { return s.reader.spent() }

// Close ends the replay and waits for its goroutines. Blocks that are out may
// still be released.
func (s *Source) Close() error {
	s.reader.close()
	return nil
}

// Spent is time by what it went to. Decoders add up.
type Spent struct {
	// List finds files and reads, Fetch reads stored signal, Unzip undoes the
	// compression, Unpack makes samples of it.
	List, Fetch, Unzip, Unpack time.Duration
	// Stored are the bytes of signal as they lie in the files.
	Stored int64
}

// skipped makes err say that the replay goes on without a file. That it could
// not even be opened is no reason to give up the others.
func skipped(path string, err error) error {
	if signal.ClassOf(err) == signal.Corrupt || errors.Is(err, context.Canceled) {
		return err
	}
	return &signal.Error{Class: signal.Corrupt, Op: "skip file", File: path, Err: err}
}
