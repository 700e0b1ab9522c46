package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink"
)

// ErrEncode marks the failure of an encoder, as against a source or a sink.
var ErrEncode = errors.New("encoding failed")

// job carries a batch from the cutter through an encoder to the sink.
type job struct {
	line    *Line
	batch   *signal.Batch
	vectors []float32
	// encoded receives the encoder's verdict once.
	encoded chan error

	begun, sent, taken time.Time // its first chunk, by the cutter, by a worker
}

// prepare readies the job for chunks of a line, keeping memory where it fits.
func (j *job) prepare(line *Line, window int) {
	j.line = line
	size := line.BatchChunks
	if j.batch == nil || cap(j.batch.Chunks) != size || cap(j.batch.Samples) < size*window {
		j.batch = signal.NewBatch(size, window)
	}
	j.batch.Reset(window)
	if n := size * line.Recipe.Dim; cap(j.vectors) < n {
		j.vectors = make([]float32, n)
	}
}

// encode runs an encoder over the jobs until no more come. It answers every
// job, also when the run is cancelled, because the sink waits for each.
func (p *Pipeline) encode(ctx context.Context) error {
	for j := range p.work {
		if err := ctx.Err(); err != nil {
			j.encoded <- err
			continue
		}
		j.taken = time.Now()
		j.vectors = j.vectors[:j.batch.Len()*j.line.Recipe.Dim]
		err := j.line.Encoder.Encode(ctx, j.batch, j.vectors)
		now := time.Now()
		p.ledger.encoded(j, now)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrEncode, err)
		}
		took := now.Sub(j.taken)
		j.encoded <- err
		p.rest(ctx, took)
	}
	return nil
}

// deliver gives the encoded jobs to the sink in order, and settles each chunk.
// After a failure what is still under way is settled as cancelled.
func (p *Pipeline) deliver(ctx context.Context) error {
	for j := range p.ordered {
		err := <-j.encoded
		fate := failed
		if before := p.failure(); before != nil {
			err, fate = before, cancelled
		}
		if err == nil {
			begin := time.Now()
			err = p.put(ctx, j)
			p.spent(func(s *Stages) *time.Duration { return &s.Deliver }, begin)
		}
		if err != nil {
			if signal.ClassOf(err) == signal.Cancelled {
				fate = cancelled
			}
			p.ledger.settle(uint64(j.batch.Len()), freshSamples(j.batch.Chunks), fate)
			p.fail(err)
		}
		p.free <- j
	}
	if err := p.cfg.Sink.Flush(ctx); err != nil {
		p.fail(err)
	}
	// A live feed has no end of its own: it is whole when it is stopped.
	whole := p.complete.Load() || p.cfg.Backlog > 0 || p.stopped.Load() && p.cfg.AtRest != nil && p.cfg.AtRest()
	if partial, ok := p.cfg.Sink.(sink.Partial); ok && (!whole || p.failure() != nil) {
		partial.KeepPartial()
	}
	// Close settles what Flush could not.
	if err := p.cfg.Sink.Close(); err != nil {
		p.fail(err)
	}
	return p.failure()
}

// put hands a job's vectors to the sink.
func (p *Pipeline) put(ctx context.Context, j *job) error {
	chunks := j.batch.Chunks
	n, fresh := uint64(len(chunks)), freshSamples(chunks)
	var received []time.Time
	if p.cfg.Backlog > 0 {
		for i := range chunks {
			received = append(received, chunks[i].Received)
		}
	}
	begin := time.Now()
	done := func(err error) {
		switch {
		case err == nil:
			p.ledger.settle(n, fresh, acknowledged)
			p.ledger.update(func(r *Report) { r.Batches.Acknowledge.add(time.Since(begin)) })
			p.ledger.waited(received)
		case signal.ClassOf(err) == signal.Cancelled:
			p.ledger.settle(n, fresh, cancelled)
		default:
			p.ledger.settle(n, fresh, failed)
			p.fail(err)
		}
	}
	out := &signal.Embedded{Recipe: j.line.Recipe, Chunks: chunks, Dim: j.line.Recipe.Dim, Vectors: j.vectors}
	if err := p.cfg.Sink.Put(ctx, out, done); err != nil {
		return err
	}
	p.ledger.update(func(r *Report) { r.Published += n })
	return nil
}
