package minknow

import (
	"context"
	"sync"
)

// queue carries messages from the positions to the reader of the feed. It is bounded
// by the bytes of signal in it and never makes a sender wait: what does not fit loses
// its signal, but not the knowledge that it came.
type queue struct {
	limit int

	mu     sync.Mutex
	items  []*delivery
	bytes  int
	closed bool
	ready  chan struct{} // has a value when items may have come
}

func newQueue(limit int) *queue { return &queue{limit: limit, ready: make(chan struct{}, 1)} }

// put adds a delivery.
func (q *queue) put(d *delivery) {
	q.mu.Lock()
	// A message larger than the whole queue passes when nothing else waits.
	if n := d.bytes(); n > 0 && q.bytes > 0 && q.bytes+n > q.limit {
		d.shed()
	} else {
		q.bytes += n
	}
	q.items = append(q.items, d)
	q.mu.Unlock()
	q.wake()
}

// end says that nothing more comes.
func (q *queue) end() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take waits for the next delivery; nil: nothing more comes.
func (q *queue) take(ctx context.Context) (*delivery, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			d := q.items[0]
			q.items[0] = nil
			q.items = q.items[1:]
			q.bytes -= d.bytes()
			q.mu.Unlock()
			return d, nil
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
