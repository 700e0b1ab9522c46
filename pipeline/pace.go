package pipeline

import (
	"context"
	"time"

	"github.com/porevec/porevec/signal"
)

// pacer replays blocks no earlier than a sequencer would have measured them. It
// goes by the start of each read on its channel, counted from the first read
// of its run; a read that began before that, or whose turn in the file comes late,
// does not wait.
type pacer struct {
	speed  float64 // multiple of the sequencer's pace; 0: do not wait
	stop   <-chan struct{}
	clocks map[string]clock // by acquisition id; each run has a time of its own
}

// live is the longest piece that a paced block is sent in: what a sequencer's
// feed delivers at a time.
const live = time.Second

// each sends the block, or its pieces one after the other when they are due.
// Whether or not all could be sent, the block is released.
func (p *pacer) each(ctx context.Context, b *signal.Block, send func(context.Context, *signal.Block) error) error {
	if p.speed == 0 || b.Read.Run.SampleRateHz == 0 {
		return send(ctx, b)
	}
	rate := float64(b.Read.Run.SampleRateHz)
	step := int(live.Seconds() * rate)
	for at := 0; ; at += step {
		end := min(at+step, len(b.Samples))
		if err := p.wait(ctx, b.Read.Run.AcquisitionID, (float64(b.Read.Start+b.Offset)+float64(end))/rate); err != nil {
			b.Release()
			return err
		}
		if end == len(b.Samples) {
			rest := signal.NewBlock(b.Read, b.Offset+uint64(at), b.Samples[at:], b.Release)
			rest.Last, rest.EndMissing, rest.Err, rest.Lost = b.Last, b.EndMissing, b.Err, b.Lost
			rest.Flags = b.Flags
			rest.GapBefore, rest.HeadMissing, rest.AfterHole = b.GapBefore && at == 0, b.HeadMissing && at == 0, b.AfterHole && at == 0
			return send(ctx, rest)
		}
		piece := signal.NewBlock(b.Read, b.Offset+uint64(at), b.Samples[at:end], nil)
		piece.Flags = b.Flags
		piece.GapBefore, piece.HeadMissing, piece.AfterHole = b.GapBefore && at == 0, b.HeadMissing && at == 0, b.AfterHole && at == 0
		if err := send(ctx, piece); err != nil {
			b.Release()
			return err
		}
	}
}

// clock ties the time of a run to ours.
type clock struct {
	begin time.Time // when the first block of the run was due
	base  float64   // that moment in seconds of the acquisition
}

// wait returns at the given second of the acquisition, or at once when the
// pipeline is stopped, so that what was begun can be ended.
func (p *pacer) wait(ctx context.Context, run string, second float64) error {
	c, known := p.clocks[run]
	if !known {
		if p.clocks == nil {
			p.clocks = make(map[string]clock)
		}
		c = clock{time.Now(), second}
		p.clocks[run] = c
	}
	due := c.begin.Add(time.Duration((second - c.base) / p.speed * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.stop:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
