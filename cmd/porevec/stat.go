package main

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
)

// currentRun is a source that remembers the run of its last block.
type currentRun struct {
	pipeline.Source
	run atomic.Pointer[signal.Run]
}

func (c *currentRun) Next(ctx context.Context) (*signal.Block, error) {
	block, err := c.Source.Next(ctx)
	if err == nil {
		c.run.Store(block.Read.Run)
	}
	return block, err
}

// status is what goes out on the subject .stat once a second.
type status struct {
	Time         time.Time `json:"time"`
	ElapsedS     float64   `json:"elapsed_s"`
	Reads        uint64    `json:"reads"`
	Samples      uint64    `json:"samples"`
	Chunks       uint64    `json:"chunks"`
	Acknowledged uint64    `json:"acknowledged"`
	Errors       uint64    `json:"errors"`
	SamplesPerS  float64   `json:"samples_per_s"`
	// Retries counts publishing that failed and was done again, and Waiting is why nothing
	// can be stored just now.
	Retries uint64 `json:"retries"`
	Waiting string `json:"waiting,omitempty"`
	// Of the embedded server:
	StoreBytes      uint64 `json:"store_bytes,omitempty"`
	StoreLimitBytes uint64 `json:"store_limit_bytes,omitempty"` // --spool
	DiskFreeBytes   uint64 `json:"disk_free_bytes,omitempty"`
	// Of a rig that is in a hub: how many messages the hub lacks, and how long ago it was
	// heard; -1: not yet.
	HubLagMessages *uint64  `json:"hub_lag_messages,omitempty"`
	HubHeardS      *float64 `json:"hub_heard_s,omitempty"`
	deviceStatus
	powerStatus
}

func newStatus(stream *jetstream.Sink, r pipeline.Report, d *devices, g *guard) status {
	state := stream.State()
	st := status{
		deviceStatus: d.status(), powerStatus: g.status(),
		Time: time.Now().UTC(), ElapsedS: r.Elapsed.Seconds(), Reads: r.Reads, Samples: r.Samples, Chunks: r.Chunks,
		Acknowledged: r.Acknowledged, Errors: r.ErrorCount, SamplesPerS: float64(r.Samples) / r.Elapsed.Seconds(),
		Retries: stream.Stats().Retries, Waiting: state.Waiting,
		StoreBytes: state.StoredBytes, StoreLimitBytes: state.LimitBytes, DiskFreeBytes: state.FreeBytes,
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if progress, behind, joined := stream.Hub(ctx); joined {
		heard := -1.0
		if !progress.Told.IsZero() {
			heard = time.Since(progress.Told).Seconds()
		}
		st.HubLagMessages, st.HubHeardS = &behind, &heard
	}
	return st
}

// publishStatus tells subscribers once a second how the run goes, until the
// returned function is called.
func publishStatus(stream *jetstream.Sink, source *currentRun, report func() pipeline.Report, d *devices, g *guard) (finish func()) {
	return every(time.Second, func() {
		run := source.run.Load()
		if run == nil {
			return
		}
		object, err := json.Marshal(newStatus(stream, report(), d, g))
		if err == nil {
			_ = stream.PublishStat(run, object) // the next one comes in a second
		}
	})
}
