package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// Reasons for samples that were read but not embedded, besides those of
// package segment.
const (
	// NoModel: no encoder fits the run that the read belongs to.
	NoModel segment.Reason = "no_model"
	// AlreadyStored: an earlier run of the same command delivered the chunk.
	AlreadyStored segment.Reason = "already_stored"
	// Failed: the chunk could not be normalized, encoded or delivered.
	Failed segment.Reason = "failed"
	// Shed: more came from a live feed than could be embedded in time.
	Shed segment.Reason = "shed"
	// Interrupted: the run was stopped before the samples were embedded.
	Interrupted = segment.Interrupted
)

// Report accounts for everything that went into a run.
type Report struct {
	// Reads counts those of which at least one block arrived.
	Reads   uint64
	Samples uint64
	// SamplesEmbedded counts each sample once, however many chunks held it.
	SamplesEmbedded uint64
	// SamplesSkipped counts, by reason, the samples in no delivered chunk.
	SamplesSkipped map[segment.Reason]uint64
	// ReadsSkipped counts, by reason, the reads that gave no chunk, and those that
	// broke off.
	ReadsSkipped map[segment.Reason]uint64

	// Chunks is how many were cut.
	Chunks uint64
	// Published chunks were accepted by the sink, Acknowledged ones are durable.
	Published, Acknowledged uint64
	ChunksStored            uint64 // delivered by an earlier run
	ChunksFailed            uint64
	ChunksCancelled         uint64
	ChunksShed              uint64 // of a live feed, given up before they were encoded

	// Latency is of the chunks of a live feed, from the arrival of their last sample to
	// their acknowledgement.
	Latency Latency
	// Waiting is how many chunks of a live feed wait for an encoder now.
	Waiting int
	// Channels tells of each channel of a live feed; it is there when the run is over.
	Channels map[Channel]Share

	// Errors holds the first maxErrors; ErrorCount counts all.
	Errors     []*signal.Error
	ErrorCount uint64

	// Elapsed is wall-clock time; Stages is where it went.
	Elapsed time.Duration
	Stages  Stages

	Batches Batches
}

// Batches tells of the calls of encoders. Nothing is padded: a chunk of another length
// than the window, that of a short read, goes in a batch of its own kind.
type Batches struct {
	Count uint64
	// Room is how many chunks would have had a place; those that were there are the fill.
	Chunks, Room uint64
	Short        uint64 // batches of chunks shorter than the window

	// Of each batch: the wait of its first chunk until it was sent, its wait for a worker,
	// the call, and the time from the sink's taking it to the acknowledgement.
	Fill, Queue, Encode, Acknowledge Latency
}

// Stages is the time that each stage was busy, not waiting for its neighbours.
// Encode is summed over the workers.
type Stages struct {
	Read, Cut, Encode, Deliver time.Duration
}

// maxErrors bounds the memory that a folder full of broken files takes.
const maxErrors = 1000

// Check returns what does not add up, or nil.
func (r *Report) Check() error {
	var errs []error
	accounted := r.SamplesEmbedded
	for _, n := range r.SamplesSkipped {
		accounted += n
	}
	if accounted != r.Samples {
		errs = append(errs, fmt.Errorf("%d samples came in, %d are accounted for", r.Samples, accounted))
	}
	if n := r.Acknowledged + r.ChunksStored + r.ChunksFailed + r.ChunksCancelled + r.ChunksShed; n != r.Chunks {
		errs = append(errs, fmt.Errorf("%d chunks were cut, %d are accounted for", r.Chunks, n))
	}
	return errors.Join(errs...)
}

// clone is a copy that later counting does not change.
func (r *Report) clone() Report {
	c := *r
	c.SamplesSkipped = maps.Clone(r.SamplesSkipped)
	c.ReadsSkipped = maps.Clone(r.ReadsSkipped)
	c.Errors = append([]*signal.Error(nil), r.Errors...)
	return c
}
