package replay

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/signal"
)

const (
	// freeBlocks is how many blocks may be out beside those that are being read
	// ahead, four for each decoder.
	freeBlocks = 16
	aheadSteps = 4
	// keptSamples bounds the buffers that are kept for reuse. Pieces have 102 400
	// samples; only old files hold a whole read in one.
	keptSamples = 1 << 20
)

// stepKind says what a step tells besides samples.
type stepKind uint8

const (
	piece stepKind = iota // a further piece of a read
	readBegins
	readFailed // no block of the read comes
	fileOpened
	fileFailed
	fileEnded
)

// step is one thing that the reader came upon. Steps are a fixed set: whoever
// has one owns it.
type step struct {
	kind     stepKind
	read     *signal.Read // nil when the step is about a file
	last     bool         // piece of its read
	err      error
	progress int64  // bytes of files behind the replay; 0: as before
	path     string // of the file that ended or failed
	// file is the one that ended. It stays open until then, since decoding may still
	// read it.
	file Recording

	packed  Packed // nil when there is nothing to decode
	samples []int16
	decoded chan struct{} // gets a value when packed has become samples or err
}

// reader walks over files and reads stored signal ahead of its decoders. Its
// goroutines are one that walks and those that decode; close waits for them.
type reader struct {
	files Files
	opts  Options

	free  chan *step
	queue chan *step // in order
	work  chan *step // the same steps, those to decode

	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	open   Recording // the current file, until its last step is queued
	before int64     // bytes of the files before it
	begun  uint64    // reads

	listing, fetching, decoding, unzipping, stored atomic.Int64
}

func newReader(files Files, opts Options) *reader {
	opts.Decoders = max(opts.Decoders, 1)
	steps := freeBlocks + aheadSteps*opts.Decoders
	r := &reader{
		files: files, opts: opts,
		free: make(chan *step, steps), queue: make(chan *step, steps), work: make(chan *step, steps),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for range steps {
		r.free <- &step{decoded: make(chan struct{}, 1)}
	}
	return r
}

// start begins to read, once.
func (r *reader) start() {
	r.once.Do(func() {
		r.group.Go(r.walk)
		for range r.opts.Decoders {
			r.group.Go(r.decode)
		}
	})
}

// close ends the goroutines, or keeps them from ever starting.
func (r *reader) close() {
	r.cancel()
	r.once.Do(func() { close(r.queue) })
	r.group.Wait()
	for step := range r.queue {
		if step.packed != nil {
			<-step.decoded
		}
		if step.file != nil {
			r.end(step.file)
		}
		r.recycle(step)
	}
	if r.open != nil {
		r.end(r.open)
		r.open = nil
	}
}

// recycle gives a step back, from any goroutine.
func (r *reader) recycle(s *step) {
	if cap(s.samples) > keptSamples {
		s.samples = nil
	}
	*s = step{samples: s.samples[:0], decoded: s.decoded}
	r.free <- s // there is room for all of them
}

// errStopped ends the walk.
var errStopped = errors.New("the source was closed")

// emit fills a free step and queues it.
func (r *reader) emit(fill func(*step)) error {
	var s *step
	select {
	case s = <-r.free:
	case <-r.ctx.Done():
		return errStopped
	}
	fill(s)
	if s.packed != nil {
		r.work <- s // there is room for all of them
	}
	r.queue <- s
	return nil
}

// walk goes through the files.
func (r *reader) walk() {
	defer close(r.queue)
	defer close(r.work)
	for {
		path, err := r.files.Next(r.ctx)
		if errors.Is(err, io.EOF) || r.ctx.Err() != nil {
			return
		}
		if err != nil {
			if r.emit(func(s *step) { s.kind, s.err = fileFailed, skipped(path, err) }) != nil {
				return
			}
			continue
		}
		if r.file(path) != nil {
			return
		}
	}
}

// file reads one file. Its errors end the walk; what ails the file goes into steps.
func (r *reader) file(path string) error {
	begin := time.Now()
	size := fileSize(path)
	defer func() { r.before += size }()
	file, err := Open(path)
	r.listing.Add(int64(time.Since(begin)))
	if err != nil {
		return r.emit(func(s *step) { s.kind, s.path, s.err, s.progress = fileFailed, path, skipped(path, err), r.before+size })
	}
	r.open = file
	if note := file.Note(); note != "" && r.opts.Log != nil {
		r.opts.Log.Warn(note, "file", path)
	}
	if err := r.emit(func(s *step) { s.kind = fileOpened }); err != nil {
		return err
	}
	reads := file.Reads()
	if r.opts.ReadIDs != nil {
		reads = file.ReadsOf(r.opts.ReadIDs)
	}
	if err := r.reads(path, reads, float64(size)/float64(max(file.NumReads(), 1))); err != nil {
		return err
	}
	return r.emit(func(s *step) {
		s.kind, s.path, s.file, s.progress = fileEnded, path, file, r.before+size
		r.open = nil
	})
}

// end closes a file whose steps have all been decoded.
func (r *reader) end(file Recording) {
	r.unzipping.Add(int64(file.Unzipping()))
	_ = file.Close() // it was only read: nothing can be lost
}

// reads walks over reads; perRead is the part of the file that each stands for.
func (r *reader) reads(path string, reads iter.Seq2[Read, error], perRead float64) error {
	begin := time.Now()
	for read, err := range reads {
		if err == nil {
			err = read.Check()
		}
		r.listing.Add(int64(time.Since(begin)))
		if err := r.read(path, read, err, perRead); err != nil {
			return err
		}
		begin = time.Now()
	}
	return nil
}

// read emits the pieces of a read.
func (r *reader) read(path string, read Read, fault error, perRead float64) error {
	if r.opts.MaxReads > 0 && r.begun == r.opts.MaxReads {
		return io.EOF
	}
	if fault != nil {
		return r.emit(func(s *step) {
			s.kind, s.err = readFailed, skipped(path, fault)
			if read != nil {
				s.read = read.Info()
			}
		})
	}
	r.begun++
	info := read.Info()
	pieces := max(read.Pieces(), 1) // a read without samples is a step too
	for i := range pieces {
		if err := r.emit(func(s *step) {
			s.read, s.last = info, i == pieces-1
			if i == 0 {
				s.kind, s.progress = readBegins, r.before+int64(perRead*float64(info.Origin.Ordinal))
			}
			if i < read.Pieces() {
				r.fetch(s, read, i)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads a piece into a step.
func (r *reader) fetch(s *step, read Read, i int) {
	begin := time.Now()
	packed, err := read.Fetch(i)
	r.fetching.Add(int64(time.Since(begin)))
	if err != nil {
		s.err = err
		return
	}
	r.stored.Add(packed.Bytes())
	s.packed = packed
}

// decode makes samples of steps until there are no more.
func (r *reader) decode() {
	for s := range r.work {
		begin := time.Now()
		s.samples, s.err = s.packed.Decode(s.samples[:0])
		s.packed.Release()
		r.decoding.Add(int64(time.Since(begin)))
		s.decoded <- struct{}{}
	}
}

func (r *reader) spent() Spent {
	unzip := time.Duration(r.unzipping.Load())
	return Spent{
		List: time.Duration(r.listing.Load()), Fetch: time.Duration(r.fetching.Load()),
		Unzip: unzip, Unpack: max(time.Duration(r.decoding.Load())-unzip, 0),
		Stored: r.stored.Load(),
	}
}
