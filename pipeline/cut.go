package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// cutter turns blocks into jobs. It is used by one goroutine.
type cutter struct {
	p     *Pipeline
	ctx   context.Context
	lanes map[kind]*lane
	due   *time.Timer // fires when the oldest waiting chunk has waited long enough
	armed bool
	// waited is how long the current block waited for a free job.
	waited time.Duration
	// holes counts what could not be had so far, and known how much of it the last
	// chunk of each run came after. A run may miss what was in any of them.
	holes uint64
	known map[string]uint64

	backlog  *backlog  // nil: the source waits for a free job
	received time.Time // of the current block
}

// kind is what an encoder is picked by: runs that agree in it share a lane.
type kind struct {
	flowCell, kit string
	sampleRateHz  uint16
	short         bool // of the line with a shorter window
}

// lane cuts the reads of one kind of run and gathers their chunks.
type lane struct {
	c    *cutter
	line *Line // nil: no encoder fits
	seg  *segment.Segmenter
	job  *job // being filled; nil while none of its chunks waits
}

// cut segments, normalizes and batches until no more blocks come.
func (p *Pipeline) cut(ctx context.Context) error {
	defer close(p.ordered)
	defer close(p.work)
	c := &cutter{p: p, ctx: ctx, lanes: make(map[kind]*lane), due: time.NewTimer(time.Hour), known: make(map[string]uint64)}
	defer c.due.Stop()
	if p.cfg.Backlog > 0 {
		c.backlog = newBacklog(p.cfg.Backlog)
	}
	err := c.run()
	for _, l := range c.lanes {
		if l.seg != nil {
			l.seg.Interrupt(l)
		}
		if l.job != nil { // only after an error
			l.giveUp()
		}
	}
	for block := range p.blocks { // likewise
		c.skip(Interrupted, uint64(len(block.Samples))+block.Lost)
		block.Release()
	}
	if c.backlog != nil {
		for c.backlog.waiting > 0 { // likewise
			w := c.backlog.pop()
			p.ledger.settle(1, uint64(w.chunk.Fresh), cancelled)
		}
		p.ledger.update(func(r *Report) { r.Channels, r.Waiting = c.backlog.shares(), 0 })
	}
	return err
}

func (c *cutter) run() error {
	for {
		var free chan *job // wanted only while a chunk waits for one
		if c.backlog != nil && c.backlog.waiting > 0 {
			free = c.p.free
		}
		select {
		case block, ok := <-c.p.blocks:
			if !ok {
				err := c.drain(true)
				if err != nil {
					c.p.fail(err)
				}
				c.flush()
				return err
			}
			err := c.block(block)
			if err == nil {
				err = c.drain(false)
			}
			if err != nil {
				c.p.fail(err)
				return err
			}
		case j := <-free:
			c.p.free <- j // begin takes it again
			if err := c.drain(false); err != nil {
				c.p.fail(err)
				return err
			}
		case <-c.due.C:
			c.armed = false
			c.flush()
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// drain moves chunks from the backlog into batches, as many as there is room for, or
// all of them, waiting for room.
func (c *cutter) drain(all bool) error {
	if c.backlog == nil {
		return nil
	}
	for w := c.backlog.first(); w != nil && (all || w.lane.room(len(w.samples)) || len(c.p.free) > 0); w = c.backlog.first() {
		c.backlog.pop()
		err := w.lane.take(w.chunk, w.samples)
		c.backlog.recycle(w)
		if err != nil {
			return err
		}
	}
	c.p.ledger.update(func(r *Report) { r.Waiting = c.backlog.waiting })
	return nil
}

// block cuts one block and releases it.
func (c *cutter) block(b *signal.Block) error {
	defer b.Release()
	begin := time.Now()
	c.waited, c.received = 0, b.Received
	defer func() { c.p.spent(func(s *Stages) *time.Duration { return &s.Cut }, begin.Add(c.waited)) }()
	if b.AfterHole {
		c.holes++
	}
	l, err := c.laneOf(b.Read)
	if err != nil {
		c.skip(Interrupted, uint64(len(b.Samples))+b.Lost)
		return err
	}
	if l.line == nil {
		c.skip(NoModel, uint64(len(b.Samples))+b.Lost)
		if b.Last || b.Err != nil {
			c.end(ReadEnd{Read: b.Read, Skipped: NoModel})
		}
		return nil
	}
	if b.Err != nil {
		c.p.ledger.note(b.Err)
		c.p.cfg.Log.Warn("skipped the rest of a read", "error", b.Err)
	}
	l.seg.SetLimit(c.p.limited().Segment)
	err = l.seg.Push(b, l)
	if b.Err != nil {
		c.holes++
	}
	return err
}

// laneOf finds the lane of a read: the one in which it began, and of a read that begins
// the one that the limit wants.
func (c *cutter) laneOf(read *signal.Read) (*lane, error) {
	whole, err := c.lane(read.Run, false)
	if err != nil || c.p.cfg.ShortLineFor == nil || whole.line == nil || whole.seg.Has(read.ID) {
		return whole, err
	}
	short := c.lanes[kind{read.Run.FlowCellProductCode, read.Run.SequencingKit, read.Run.SampleRateHz, true}]
	if c.p.limited().ShortWindow || short != nil && short.seg.Has(read.ID) {
		return c.lane(read.Run, true)
	}
	return whole, nil
}

// lane finds a lane of a run, making it for the first of its kind. A run that no
// model fits has a lane without a line; any other failure to make one is an error.
func (c *cutter) lane(run *signal.Run, short bool) (*lane, error) {
	k := kind{run.FlowCellProductCode, run.SequencingKit, run.SampleRateHz, short}
	if l := c.lanes[k]; l != nil {
		return l, nil
	}
	l := &lane{c: c}
	lineFor := c.p.cfg.LineFor
	if short {
		lineFor = c.p.cfg.ShortLineFor
	}
	line, err := lineFor(c.ctx, run)
	if err == nil {
		l.seg, err = segment.New(line.Segment)
	}
	switch {
	case errors.Is(err, embed.ErrNoModel):
		c.p.ledger.note(err)
		c.p.cfg.Log.Error("run not embedded", "acquisition", run.AcquisitionID, "error", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	if line != nil && line.BatchChunks < 1 {
		return nil, fmt.Errorf("%w: batches of %d chunks", ErrEncode, line.BatchChunks)
	}
	l.line = line
	c.lanes[k] = l
	return l, nil
}

func (c *cutter) skip(reason segment.Reason, samples uint64) {
	c.p.ledger.update(func(r *Report) { r.SamplesSkipped[reason] += samples })
}

// end books a read that is over.
func (c *cutter) end(end ReadEnd) {
	if end.Skipped != "" {
		c.p.ledger.update(func(r *Report) { r.ReadsSkipped[end.Skipped]++ })
	}
	if c.p.cfg.ReadEnd != nil {
		c.p.cfg.ReadEnd(end)
	}
}

// flush sends every waiting job on its way.
func (c *cutter) flush() {
	for _, l := range c.lanes {
		l.send()
	}
}

// Chunk takes what the segmenter cut.
func (l *lane) Chunk(chunk signal.Chunk, samples []int16) error {
	c := l.c
	c.p.ledger.update(func(r *Report) { r.Chunks++ })
	chunk.Received = c.received
	if c.backlog == nil {
		return l.take(chunk, samples)
	}
	if gone := c.backlog.add(l, chunk, samples); gone != nil {
		c.p.ledger.settle(1, uint64(gone.chunk.Fresh), shed)
		c.backlog.recycle(gone)
	}
	return nil
}

// room says whether a chunk of this length fits into the job that is being filled.
func (l *lane) room(window int) bool { return l.job != nil && l.job.batch.Window == window }

// take normalizes a chunk and puts it into a batch, unless it is stored already.
func (l *lane) take(chunk signal.Chunk, samples []int16) error {
	p := l.c.p
	// First, so that a chunk that failed is never taken for one that was stored.
	shift, scale, err := l.line.Normalize.Fit(samples, chunk.Read.Calibration)
	if err != nil {
		l.c.holes++
		p.ledger.settle(1, uint64(chunk.Fresh), failed)
		if chunk.Index == 0 {
			p.ledger.note(&signal.Error{Class: signal.Corrupt, Op: "normalize", File: chunk.Read.Path, ReadID: chunk.Read.ID.String(), Err: err})
		}
		return nil
	}
	run := chunk.Read.Run.AcquisitionID
	chunk.AfterHole = l.c.known[run] != l.c.holes
	l.c.known[run] = l.c.holes
	if p.cfg.Stored != nil {
		done, err := p.cfg.Stored(l.c.ctx, l.line.Recipe, chunk)
		if err != nil || done {
			fate := stored
			if err != nil {
				fate = cancelled
			}
			p.ledger.settle(1, uint64(chunk.Fresh), fate)
			return err
		}
	}
	// A short read has a length of its own and goes alone.
	if !l.room(len(samples)) {
		l.send()
	}
	if l.job == nil {
		if err := l.begin(len(samples)); err != nil {
			p.ledger.settle(1, uint64(chunk.Fresh), cancelled)
			return err
		}
	}
	b := l.job.batch
	b.Chunks = append(b.Chunks, chunk)
	b.Samples = append(b.Samples, samples...)
	b.Shift = append(b.Shift, shift)
	b.Scale = append(b.Scale, scale)
	if b.Full() {
		l.send()
	}
	return nil
}

// Skip books samples that become no chunk.
func (l *lane) Skip(_ *signal.Read, reason segment.Reason, samples uint64) { l.c.skip(reason, samples) }

// End books a read that is over.
func (l *lane) End(read *signal.Read, chunks uint32, cut segment.Reason) {
	if cut == "" && chunks == 0 {
		cut = segment.TooShort
	}
	l.c.end(ReadEnd{read, l.line.Recipe, chunks, cut})
}

// begin takes a free job; it waits while all are under way.
func (l *lane) begin(window int) error {
	begin := time.Now()
	if len(l.c.p.free) == 0 {
		// The jobs may all be waiting, half full, in other lanes.
		l.c.flush()
	}
	select {
	case l.job = <-l.c.p.free:
	case <-l.c.ctx.Done():
		return l.c.ctx.Err()
	}
	l.c.waited += time.Since(begin)
	l.job.prepare(l.line, window)
	l.job.begun = time.Now()
	if !l.c.armed {
		l.c.due.Reset(l.c.p.cfg.BatchAge)
		l.c.armed = true
	}
	return nil
}

// send queues the lane's job for an encoder and, in the same order, for the
// sink. The channels hold as many jobs as there are, so neither send waits.
func (l *lane) send() {
	if l.job == nil {
		return
	}
	l.job.sent = time.Now()
	l.c.p.work <- l.job
	l.c.p.ordered <- l.job
	l.job = nil
}

// giveUp settles the chunks that wait in an unsent job.
func (l *lane) giveUp() {
	l.c.p.ledger.settle(uint64(l.job.batch.Len()), freshSamples(l.job.batch.Chunks), cancelled)
	l.job = nil
}
