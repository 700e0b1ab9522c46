package pipeline

import (
	"context"
	"time"

	"github.com/porevec/porevec/segment"
)

// Limit is how much less than everything is embedded, to spare a computer.
type Limit struct {
	// Segment leaves out chunks, of reads under way too.
	Segment segment.Limit
	// ShortWindow cuts reads that begin from now on for Config.ShortLineFor.
	ShortWindow bool
	// Pause is how long a worker rests after a call, as a multiple of what that took. It
	// slows a replay and loses nothing; a live feed must be limited otherwise.
	Pause float64
}

// SetLimit holds from the next block on. It may be called from anywhere.
func (p *Pipeline) SetLimit(l Limit) { p.limit.Store(&l) }

// limited is the present limit.
func (p *Pipeline) limited() Limit {
	if l := p.limit.Load(); l != nil {
		return *l
	}
	return Limit{}
}

// rest pauses a worker after a call that took so long.
func (p *Pipeline) rest(ctx context.Context, took time.Duration) {
	pause := time.Duration(p.limited().Pause * float64(took))
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
