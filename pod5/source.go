package pod5

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"sync/atomic"

	"github.com/porevec/porevec/signal"
)

// SourceOptions choose what a [Source] replays.
type SourceOptions struct {
	// ReadIDs keeps to these reads; nil means all.
	ReadIDs map[signal.ReadID]struct{}
	// MaxReads ends the replay after as many reads; 0 means all.
	MaxReads uint64
}

// Source replays files in the given order, their reads in file order, each read
// in one block per piece of stored signal. One goroutine may use it; Progress and
// Files may be called from any.
type Source struct {
	opts  SourceOptions
	paths []string
	sizes []int64 // of the files, 0 when unknown
	free  chan []int16

	next  int // index of the next path
	file  *File
	pull  func() (*Read, error, bool)
	stop  func()
	read  *Read // being replayed, or nil
	row   int   // its next piece
	at    uint64
	begun uint64 // reads
	// unmet are the reads of opts.ReadIDs that no file had so far.
	unmet map[signal.ReadID]struct{}

	total          int64
	done           atomic.Int64
	opened, failed atomic.Int64
}

const (
	// freeBlocks bounds the blocks that are out at a time.
	freeBlocks = 16
	// keptSamples bounds the buffers that are kept for reuse. Pieces have 102 400
	// samples; only old files hold a whole read in one.
	keptSamples = 1 << 20
)

// NewSource makes a source of files. They are opened when their turn comes.
func NewSource(paths []string, opts SourceOptions) *Source {
	s := &Source{opts: opts, paths: paths, sizes: make([]int64, len(paths)), free: make(chan []int16, freeBlocks), unmet: maps.Clone(opts.ReadIDs)}
	for range freeBlocks {
		s.free <- nil
	}
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			s.sizes[i] = info.Size()
			s.total += info.Size()
		}
	}
	return s
}

// Unmet lists, in order, the chosen reads that no file had so far.
func (s *Source) Unmet() []signal.ReadID {
	return slices.SortedFunc(maps.Keys(s.unmet), func(a, b signal.ReadID) int { return bytes.Compare(a[:], b[:]) })
}

// Next gives the next block; io.EOF ends the replay. While 16 blocks are out it
// waits for one to be released.
//
// An error of class corrupt means that a file or a read was skipped: go on
// calling Next. When the signal of a read turns out to be damaged there is no
// error but a last block with Err and Lost.
func (s *Source) Next(ctx context.Context) (*signal.Block, error) {
	for s.read == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.advance(); err != nil {
			return nil, err
		}
	}
	var buf []int16
	select {
	case buf = <-s.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.block(buf), nil
}

// advance goes to the next read that is wanted, or one step towards it.
func (s *Source) advance() error {
	if s.opts.MaxReads > 0 && s.begun == s.opts.MaxReads {
		return io.EOF
	}
	if s.file == nil {
		return s.openNext()
	}
	read, err, more := s.pull()
	if !more {
		s.closeFile()
		return nil
	}
	if err != nil {
		return skipped(s.file.path, err)
	}
	if n := s.file.count; n > 0 {
		s.done.Store(s.before() + int64(float64(s.sizes[s.next-1])*float64(read.Origin.Ordinal)/float64(n)))
	}
	if _, wanted := s.opts.ReadIDs[read.ID]; s.opts.ReadIDs != nil && !wanted {
		return nil
	}
	delete(s.unmet, read.ID)
	if err := s.file.checkRows(read); err != nil {
		return failRead(s.file.path, "find signal", read.ID, err)
	}
	s.read, s.row, s.at = read, 0, 0
	s.begun++
	return nil
}

// block makes the next block of the current read.
func (s *Source) block(buf []int16) *signal.Block {
	read := s.read
	var err error
	if s.row < len(read.rows) {
		buf, err = s.file.Row(read, s.row, buf[:0])
		s.row++
	} else {
		buf = buf[:0] // a read without samples
	}
	b := signal.NewBlock(&read.Read, s.at, buf, func() {
		if cap(buf) > keptSamples {
			buf = nil
		}
		s.free <- buf
	})
	s.at += uint64(len(buf))
	if err != nil {
		b.Err, b.Lost = err, read.Samples-s.at
	}
	if err != nil || s.row >= len(read.rows) {
		b.Last = true
		s.read = nil
	}
	return b
}

// openNext opens the next file.
func (s *Source) openNext() error {
	if s.next == len(s.paths) {
		return io.EOF
	}
	path := s.paths[s.next]
	s.next++
	file, err := Open(path)
	if err != nil {
		s.failed.Add(1)
		s.done.Store(s.before() + s.sizes[s.next-1])
		return skipped(path, err)
	}
	s.opened.Add(1)
	s.file = file
	s.pull, s.stop = iter.Pull2(file.Reads())
	return nil
}

// before is the size of all files before the current one.
func (s *Source) before() int64 {
	sum := int64(0)
	for _, size := range s.sizes[:s.next-1] {
		sum += size
	}
	return sum
}

// closeFile ends the current file.
func (s *Source) closeFile() {
	s.stop()
	s.file.Close() // it was only read: nothing can be lost
	s.file = nil
	s.done.Store(s.before() + s.sizes[s.next-1])
}

// skipped makes err say that the replay goes on without a file. That it could
// not even be opened is no reason to give up the others.
func skipped(path string, err error) error {
	if signal.ClassOf(err) == signal.Corrupt {
		return err
	}
	return &signal.Error{Class: signal.Corrupt, Op: "skip file", File: path, Err: err}
}

// Progress tells how far the replay is, in bytes of files.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), s.total }

// Files counts the files opened so far and those that could not be.
func (s *Source) Files() (opened, failed int) {
	return int(s.opened.Load()), int(s.failed.Load())
}

// Close ends the replay. Blocks that are out may still be released.
func (s *Source) Close() error {
	if s.file != nil {
		s.closeFile()
	}
	s.read, s.next = nil, len(s.paths)
	return nil
}
