package pipeline

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// read pulls blocks from the source until it ends or the pipeline is stopped.
func (p *Pipeline) read(ctx context.Context) error {
	defer close(p.blocks)
	if p.cfg.SourceEnded != nil {
		defer p.cfg.SourceEnded()
	}
	pace := pacer{speed: p.cfg.Speed, stop: p.stop}
	waiting, cancel := context.WithCancel(ctx)
	var canceller sync.WaitGroup
	defer canceller.Wait()
	defer cancel()
	canceller.Go(func() { // Stop must not wait for a source that itself waits
		select {
		case <-p.stop:
			cancel()
		case <-waiting.Done():
		}
	})
	hole := false // something was skipped since the last block
	for {
		select {
		case <-p.stop:
			p.stopped.Store(true)
			return nil
		default:
		}
		begin := time.Now()
		block, err := p.cfg.Source.Next(waiting)
		p.spent(func(s *Stages) *time.Duration { return &s.Read }, begin)
		switch {
		case errors.Is(err, io.EOF):
			p.complete.Store(true)
			return nil
		case err != nil && waiting.Err() != nil && ctx.Err() == nil:
			p.stopped.Store(true)
			return nil
		case err != nil && signal.ClassOf(err) == signal.Corrupt:
			p.skipped(err)
			hole = true
			continue
		case err != nil:
			return err
		}
		block.AfterHole, hole = hole, false
		if err := pace.each(ctx, block, p.send); err != nil {
			return err
		}
	}
}

// skipped books what the source left out: a file, or a read of which no block
// came.
func (p *Pipeline) skipped(err error) {
	p.ledger.note(err)
	p.cfg.Log.Warn("skipped", "error", err)
	var e *signal.Error
	if errors.As(err, &e) && e.ReadID != "" {
		p.ledger.update(func(r *Report) {
			r.Reads++
			r.ReadsSkipped[segment.Corrupt]++
		})
		if id, bad := signal.ParseReadID(e.ReadID); p.cfg.ReadEnd != nil && bad == nil {
			p.cfg.ReadEnd(ReadEnd{Read: &signal.Read{ID: id, Path: e.File}, Skipped: segment.Corrupt})
		}
	}
}

// send hands a block to the cutter, who owns it from then on.
func (p *Pipeline) send(ctx context.Context, block *signal.Block) error {
	// Booked before it is sent: a block that has left may be cut at once.
	samples := uint64(len(block.Samples)) + block.Lost
	first := block.Offset == 0 || block.HeadMissing
	p.ledger.update(func(r *Report) {
		r.Samples += samples
		if first {
			r.Reads++
		}
	})
	select {
	case p.blocks <- block:
		return nil
	case <-ctx.Done():
		p.ledger.update(func(r *Report) { r.SamplesSkipped[Interrupted] += samples })
		block.Release()
		return ctx.Err()
	}
}
