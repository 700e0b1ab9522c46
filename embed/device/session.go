package device

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

const (
	// firstPatience is for what a device does once: loading kernels, choosing algorithms.
	firstPatience = 2 * time.Minute
	// grace is how long a call may go on when its time is over and it was told to end.
	grace = 2 * time.Second
)

var errLeft = errors.New("the device was left")

// session is an opened device, until it is left.
type session struct {
	device  *Device
	encoder embed.Encoder
	opened  time.Time
	chunks  atomic.Int64  // most in a call; it shrinks when memory runs out
	warm    atomic.Bool   // a call has succeeded
	lanes   chan *lane    // that are free; nil when callers compute themselves
	left    chan struct{} // closed when the device is left
	calls   sync.WaitGroup
	// smaller is told when fewer chunks go in a call.
	smaller func(chunks int, why error)
}

// open opens and proves a device. When ctx ends before, the attempt is left behind: some
// drivers never answer. What comes of it later is closed.
func open(ctx context.Context, d *Device, smaller func(chunks int, why error)) (*session, error) {
	type attempt struct {
		s   *session
		err error
	}
	came := make(chan attempt)
	go func() {
		s, err := prepare(ctx, d, smaller)
		select {
		case came <- attempt{s, err}:
		case <-ctx.Done():
			if err == nil {
				s.close()
			}
		}
	}()
	select {
	case a := <-came:
		return a.s, a.err
	case <-ctx.Done():
		return nil, &signal.Error{Class: signal.Cancelled, Op: "open the device", Err: ctx.Err()}
	}
}

func prepare(ctx context.Context, d *Device, smaller func(chunks int, why error)) (*session, error) {
	e, err := d.Open()
	if err != nil {
		return nil, err
	}
	s := &session{device: d, encoder: e, opened: time.Now(), left: make(chan struct{}), smaller: smaller}
	s.chunks.Store(int64(max(1, d.Chunks)))
	if d.Calls > 0 {
		s.lanes = make(chan *lane, d.Calls)
		for range d.Calls {
			s.lanes <- &lane{work: make(chan call)}
		}
	}
	if err := d.Prove(ctx, s); err != nil {
		await(s.close(), time.After(grace))
		return nil, fmt.Errorf("its vectors are not trusted: %w", err)
	}
	return s, nil
}

// lane is a thread that computes on a device, with memory of its own: a call that is
// given up may still read and write it. Providers keep state by thread.
type lane struct {
	work    chan call
	running bool
	in      signal.Batch
	out     []float32
}

type call struct {
	ctx  context.Context
	done chan error
}

// Model is that of the file which the device computes.
func (s *session) Model() embed.Model { return s.encoder.Model() }

// Encode computes a batch, in as many parts as the device needs.
func (s *session) Encode(ctx context.Context, in *signal.Batch, out []float32) error {
	dim := s.encoder.Model().Dim
	for from := 0; from < in.Len(); {
		most := int(s.chunks.Load())
		to := min(from+most, in.Len())
		part := signal.Batch{
			Window: in.Window, Chunks: in.Chunks[from:to], Samples: in.Samples[from*in.Window : to*in.Window],
			Shift: in.Shift[from:to], Scale: in.Scale[from:to],
		}
		err := s.call(ctx, &part, out[from*dim:to*dim])
		if err != nil && outOfMemory(err) && to-from > 1 {
			fewer := (to - from) / 2
			if s.chunks.CompareAndSwap(int64(most), int64(fewer)) {
				s.smaller(fewer, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		s.warm.Store(true)
		from = to
	}
	return nil
}

// call computes one part.
func (s *session) call(ctx context.Context, in *signal.Batch, out []float32) error {
	if s.lanes == nil {
		return s.encoder.Encode(ctx, in, out)
	}
	var l *lane
	select {
	case l = <-s.lanes:
	case <-s.left:
		return errLeft
	case <-ctx.Done():
		return &signal.Error{Class: signal.Cancelled, Op: "encode", Err: ctx.Err()}
	}
	patience := s.device.Patience
	if !s.warm.Load() {
		patience += firstPatience
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	l.in.Window = in.Window
	l.in.Chunks = append(l.in.Chunks[:0], make([]signal.Chunk, in.Len())...) // nobody looks into them
	l.in.Samples = append(l.in.Samples[:0], in.Samples...)
	l.in.Shift, l.in.Scale = append(l.in.Shift[:0], in.Shift...), append(l.in.Scale[:0], in.Scale...)
	l.out = append(l.out[:0], out...)
	s.begin(l)
	done := make(chan error, 1)
	select {
	case l.work <- call{limited, done}:
	case <-s.left: // its thread has ended, or will
		return errLeft
	}
	late := time.NewTimer(patience + grace)
	defer late.Stop()
	select {
	case err := <-done:
		if err == nil {
			copy(out, l.out)
		} else if limited.Err() != nil {
			err = fmt.Errorf("no answer within %v: %w", patience, err)
		}
		s.lanes <- l
		return err
	case <-late.C:
		return fmt.Errorf("no answer within %v, and it does not end", patience)
	}
}

// begin starts the lane's thread with its first call.
func (s *session) begin(l *lane) {
	if l.running {
		return
	}
	l.running = true
	s.calls.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case c := <-l.work:
				c.done <- s.encoder.Encode(c.ctx, &l.in, l.out)
			case <-s.left:
				return
			}
		}
	})
}

// close frees the device when its calls are over. ended is closed then; it may never be.
func (s *session) close() (ended chan struct{}) {
	close(s.left)
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		s.calls.Wait()
		_ = s.encoder.Close() // waits for callers that compute themselves; nothing hangs on it
	}()
	return ended
}

// await says whether a session that is being closed has ended before it is late.
func await(ended <-chan struct{}, late <-chan time.Time) bool {
	select {
	case <-ended:
		return true
	case <-late:
		return false
	}
}

// outOfMemory recognizes what providers say when memory runs out; they have no common
// code for it.
func outOfMemory(err error) bool {
	text := strings.ToLower(err.Error())
	for _, words := range []string{"out of memory", "failed to allocate memory", "smaller than requested bytes", "bad_alloc", "bad allocation", "cudaerrormemoryallocation", "cuda_error_out_of_memory", "alloc_failed"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
