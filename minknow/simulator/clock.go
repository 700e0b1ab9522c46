package simulator

import (
	"context"
	"sync"
	"time"
)

// clock is the time of a run, in samples since its acquisition began.
type clock struct {
	samplesPerSecond float64 // of our time
	from             uint64  // where it begins

	mu      sync.Mutex
	started time.Time // zero: it stands still
	begun   chan struct{}
}

func newClock(rateHz uint16, pace float64, from uint64) *clock {
	return &clock{samplesPerSecond: float64(rateHz) * pace, from: from, begun: make(chan struct{})}
}

// start lets it go, once.
func (c *clock) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = time.Now()
		close(c.begun)
	}
}

func (c *clock) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.from
	}
	return c.from + uint64(time.Since(c.started).Seconds()*c.samplesPerSecond)
}

// wait returns at the given sample; false: ctx ended.
func (c *clock) wait(ctx context.Context, at uint64) bool {
	select {
	case <-c.begun:
	case <-ctx.Done():
		return false
	}
	c.mu.Lock()
	due := c.started.Add(time.Duration(float64(at-min(at, c.from)) / c.samplesPerSecond * float64(time.Second)))
	c.mu.Unlock()
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
