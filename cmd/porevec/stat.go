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
}

// publishStatus tells subscribers once a second how the run goes, until the
// returned function is called.
func publishStatus(stream *jetstream.Sink, source *currentRun, report func() pipeline.Report) (finish func()) {
	return every(time.Second, func() {
		run := source.run.Load()
		if run == nil {
			return
		}
		r := report()
		object, err := json.Marshal(status{
			time.Now().UTC(), r.Elapsed.Seconds(), r.Reads, r.Samples, r.Chunks, r.Acknowledged, r.ErrorCount,
			float64(r.Samples) / r.Elapsed.Seconds(),
		})
		if err == nil {
			_ = stream.PublishStat(run, object) // the next one comes in a second
		}
	})
}
