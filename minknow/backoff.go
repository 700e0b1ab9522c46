package minknow

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the pause before another try: it doubles from half a second to half a
// minute, with a jitter of a third, so that many clients do not come back at once.
type backoff struct{ pause time.Duration }

const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

func (b *backoff) reset() { b.pause = 0 }

// wait pauses until it is time for another try, news come or ctx ends.
func (b *backoff) wait(ctx context.Context, news <-chan struct{}) {
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	select {
	case <-time.After(b.pause*2/3 + rand.N(b.pause*2/3)):
	case <-news:
	case <-ctx.Done():
	}
}

// sleep returns false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
