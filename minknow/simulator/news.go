package simulator

import (
	"context"
	"sync"
)

// news is a value that many wait for to change.
type news[T any] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{}
}

func newNews[T any](value T) *news[T] { return &news[T]{value: value, changed: make(chan struct{})} }

func (n *news[T]) get() (T, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.value, n.changed
}

func (n *news[T]) set(value T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.value = value
	close(n.changed)
	n.changed = make(chan struct{})
}

// watch sends the value, and every later one, until ctx ends or send fails.
func (n *news[T]) watch(ctx context.Context, send func(T) error) error {
	for {
		value, changed := n.get()
		if err := send(value); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
