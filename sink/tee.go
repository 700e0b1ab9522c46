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

func (t tee) KeepPartial() {
	for _, s := range t {
		if p, ok := s.(Partial); ok {
			p.KeepPartial()
		}
	}
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
