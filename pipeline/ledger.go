package pipeline

import (
	"errors"
	"sync"
	"time"

	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// ledger is the report while it is being written, by all stages at once. It is
// locked per block and per batch, not per sample.
type ledger struct {
	mu      sync.Mutex
	report  Report
	started time.Time
}

func newLedger() *ledger {
	return &ledger{started: time.Now(), report: Report{
		SamplesSkipped: make(map[segment.Reason]uint64),
		ReadsSkipped:   make(map[segment.Reason]uint64),
	}}
}

func (l *ledger) update(f func(*Report)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.report)
}

func (l *ledger) snapshot() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.report.clone()
	r.Elapsed = time.Since(l.started)
	return r
}

// note keeps an error for the report.
func (l *ledger) note(err error) {
	var e *signal.Error
	if !errors.As(err, &e) {
		e = &signal.Error{Class: signal.ClassOf(err), Err: err}
	}
	l.update(func(r *Report) {
		r.ErrorCount++
		if len(r.Errors) < maxErrors {
			r.Errors = append(r.Errors, e)
		}
	})
}

// chunkFate is what became of a chunk that was cut.
type chunkFate uint8

const (
	acknowledged chunkFate = iota
	stored
	failed
	cancelled
	shed
)

// settle books n chunks, with the given number of fresh samples, under their
// fate.
func (l *ledger) settle(n, fresh uint64, fate chunkFate) {
	l.update(func(r *Report) {
		switch fate {
		case acknowledged:
			r.Acknowledged += n
			r.SamplesEmbedded += fresh
		case stored:
			r.ChunksStored += n
			r.SamplesSkipped[AlreadyStored] += fresh
		case failed:
			r.ChunksFailed += n
			r.SamplesSkipped[Failed] += fresh
		case cancelled:
			r.ChunksCancelled += n
			r.SamplesSkipped[Interrupted] += fresh
		case shed:
			r.ChunksShed += n
			r.SamplesSkipped[Shed] += fresh
		}
	})
}

// encoded books a call of an encoder that ended now.
func (l *ledger) encoded(j *job, now time.Time) {
	l.update(func(r *Report) {
		r.Stages.Encode += now.Sub(j.taken)
		b := &r.Batches
		b.Count++
		b.Chunks += uint64(j.batch.Len())
		b.Room += uint64(cap(j.batch.Chunks))
		if j.batch.Window < j.line.Segment.Window {
			b.Short++
		}
		b.Fill.add(j.sent.Sub(j.begun))
		b.Queue.add(j.taken.Sub(j.sent))
		b.Encode.add(now.Sub(j.taken))
	})
}

// waited books how long ago the chunks acknowledged now were received.
func (l *ledger) waited(received []time.Time) {
	if len(received) == 0 {
		return
	}
	now := time.Now()
	l.update(func(r *Report) {
		for _, at := range received {
			r.Latency.add(now.Sub(at))
		}
	})
}

func freshSamples(chunks []signal.Chunk) uint64 {
	var fresh uint64
	for i := range chunks {
		fresh += uint64(chunks[i].Fresh)
	}
	return fresh
}
