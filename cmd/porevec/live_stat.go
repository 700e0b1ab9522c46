package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
)

// liveStatus is what goes out on the subject .stat of each run that is followed, once a
// second. Part of docs/wire.md.
type liveStatus struct {
	status
	positionStatus
	ChunksPerS    float64 `json:"chunks_per_s"`
	ChunksShed    uint64  `json:"chunks_shed"`
	ChunksWaiting int     `json:"chunks_waiting"`
	ChunkAgeMS    float64 `json:"chunk_age_ms"` // median from arrival to acknowledgement, since the start
	ChunkAgeP99MS float64 `json:"chunk_age_p99_ms"`
}

// positionStatus is what is known of a position.
type positionStatus struct {
	Host          string  `json:"host"`
	Position      string  `json:"position"`
	State         string  `json:"state"`
	Run           string  `json:"run,omitempty"`
	Channels      int     `json:"channels"`
	Messages      uint64  `json:"messages"`
	LiveSamples   uint64  `json:"live_samples"`
	LiveReads     uint64  `json:"live_reads"`
	SamplesBehind uint64  `json:"samples_behind"`
	SecondsBehind float64 `json:"seconds_behind"`
	MessageAgeS   float64 `json:"message_age_s"` // since the last message came
	Gaps          uint64  `json:"gaps"`
	GapSamples    uint64  `json:"gap_samples"`
	HeadsMissing  uint64  `json:"heads_missing"`
	Merged        uint64  `json:"merged"`
	Repeated      uint64  `json:"repeated"`
	Late          uint64  `json:"late"`
	Malformed     uint64  `json:"malformed"`
	ShedSamples   uint64  `json:"shed_samples"` // dropped before they were cut
	Reconnects    uint64  `json:"reconnects"`
	NoOffsets     bool    `json:"no_offsets,omitempty"`
	NoCalibration bool    `json:"no_calibration,omitempty"`
}

func newPositionStatus(s *minknow.Stats) positionStatus {
	p := positionStatus{
		Host: s.Host, Position: s.Position, State: s.State, Run: s.Run, Channels: s.Channels, Messages: s.Messages,
		LiveSamples: s.Samples, LiveReads: s.Reads, SamplesBehind: s.SamplesBehind,
		Gaps: s.Gaps, GapSamples: s.GapSamples, HeadsMissing: s.HeadsMissing, Merged: s.Merged, Repeated: s.Repeated,
		Late: s.Late, Malformed: s.Malformed, ShedSamples: s.ShedSamples, Reconnects: s.Reconnects,
		NoOffsets: s.NoOffsets, NoCalibration: s.NoCalibration,
	}
	if s.SampleRateHz > 0 {
		p.SecondsBehind = float64(s.SamplesBehind) / float64(s.SampleRateHz)
	}
	if !s.LastMessage.IsZero() {
		p.MessageAgeS = time.Since(s.LastMessage).Seconds()
	}
	return p
}

// publishLive tells subscribers once a second how each run goes, until the returned
// function is called.
func publishLive(stream *jetstream.Sink, stats func() []minknow.Stats, report func() pipeline.Report, d *devices, g *guard) (finish func()) {
	var rate rate
	return every(time.Second, func() {
		r := report()
		perSecond := rate.of(r.Acknowledged)
		for _, s := range stats() {
			if s.Run == "" {
				continue
			}
			object, err := json.Marshal(liveStatus{
				status:         newStatus(stream, r, d, g),
				positionStatus: newPositionStatus(&s), ChunksPerS: perSecond, ChunksShed: r.ChunksShed, ChunksWaiting: r.Waiting,
				ChunkAgeMS: milliseconds(r.Latency.Quantile(0.5)), ChunkAgeP99MS: milliseconds(r.Latency.Quantile(0.99)),
			})
			if err == nil {
				_ = stream.PublishStat(&signal.Run{Position: s.Position, AcquisitionID: s.Run}, object) // the next one comes in a second
			}
		}
	})
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rate turns a count into what it grew by per second since it was asked last.
type rate struct {
	count uint64
	at    time.Time
}

func (r *rate) of(count uint64) float64 {
	now := time.Now()
	defer func() { r.count, r.at = count, now }()
	if r.at.IsZero() {
		return 0
	}
	return float64(count-r.count) / now.Sub(r.at).Seconds()
}

// showLive keeps a line on the terminal that tells how it goes, until the returned
// function is called.
func showLive(quiet bool, stats func() []minknow.Stats, report func() pipeline.Report) (finish func()) {
	if quiet || !isTerminal(os.Stderr) {
		return func() {}
	}
	var rate rate
	var width atomic.Int64
	stop := every(time.Second, func() {
		line := liveLine(stats(), report(), &rate)
		fmt.Fprintf(os.Stderr, "\r%-*s", width.Swap(int64(len(line))), line)
	})
	return func() {
		stop()
		fmt.Fprintf(os.Stderr, "\r%*s\r", width.Load(), "")
	}
}

func liveLine(stats []minknow.Stats, r pipeline.Report, rate *rate) string {
	var names []string
	var gaps, shed, reads uint64
	var behind float64
	for i := range stats {
		s := newPositionStatus(&stats[i])
		names = append(names, s.Position+" "+s.State)
		gaps, reads = gaps+s.Gaps, reads+s.LiveReads
		shed += s.ShedSamples
		behind = max(behind, s.SecondsBehind)
	}
	if len(names) == 0 {
		return "no position yet"
	}
	return fmt.Sprintf("%s | %s reads, %.0f chunks/s, %.0f ms to disk | %.1f s behind, %d gaps, %d chunks shed", strings.Join(names, ", "),
		count(reads), rate.of(r.Acknowledged), milliseconds(r.Latency.Quantile(0.5)), behind, gaps, r.ChunksShed)
}
