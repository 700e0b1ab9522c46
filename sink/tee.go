package sink

import (
	"context"
	"errors"
	"sync"

	"github.com/porevec/porevec/signal"
)

// Tee delivers everything to all of the sinks. A vector is durable when every one
// of them has it.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) Put(ctx context.Context, e *signal.Embedded, done func(error)) error {
	all := &verdicts{left: len(t), done: done}
	for i, s := range t {
		err := s.Put(ctx, e, all.add)
		switch {
		case err != nil && i == 0:
			return err // nobody has it
		case err != nil:
			// Some have it: that is a failure of what was accepted.
			for range t[i:] {
				all.add(err)
			}
			return nil
		}
	}
	return nil
}

func (t tee) Flush(ctx context.Context) error {
	return t.each(func(s Sink) error { return s.Flush(ctx) })
}

func (t tee) Close() error { return t.each(Sink.Close) }

func (t tee) each(f func(Sink) error) error {
	var errs []error
	for _, s := range t {
		errs = append(errs, f(s))
	}
	return errors.Join(errs...)
}

// verdicts calls done once, when all sinks have told how it went.
type verdicts struct {
	mu   sync.Mutex
	left int
	errs []error
	done func(error)
}

func (v *verdicts) add(err error) {
	v.mu.Lock()
	if err != nil {
		v.errs = append(v.errs, err)
	}
	v.left--
	last := v.left == 0
	v.mu.Unlock()
	if last {
		v.done(errors.Join(v.errs...))
	}
}

// Without keeps from a sink the chunks that it stored in an earlier run, which
// settle at once. It is for sinks beside others that need every chunk; alone, it
// is cheaper not to encode what is stored.
func Without(s Sink, stored func(context.Context, *signal.Recipe, signal.Chunk) (bool, error)) Sink {
	return &without{Sink: s, stored: stored}
}

type without struct {
	Sink
	stored func(context.Context, *signal.Recipe, signal.Chunk) (bool, error)
}

func (w *without) Put(ctx context.Context, e *signal.Embedded, done func(error)) error {
	rest := signal.Embedded{Recipe: e.Recipe, Dim: e.Dim}
	for i, c := range e.Chunks {
		stored, err := w.stored(ctx, e.Recipe, c)
		if err != nil {
			return err
		}
		if !stored {
			rest.Chunks = append(rest.Chunks, c)
			rest.Vectors = append(rest.Vectors, e.Row(i)...)
		}
	}
	if len(rest.Chunks) == 0 {
		done(nil)
		return nil
	}
	return w.Sink.Put(ctx, &rest, done)
}
