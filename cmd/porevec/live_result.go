package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/pipeline"
)

// liveResult is what live ends with.
type liveResult struct {
	result
	LatencyMS *liveLatency     `json:"latency_ms,omitempty"`
	Shares    *channelShares   `json:"shed_by_channel,omitempty"`
	Positions []positionStatus `json:"positions"`
}

// liveLatency is from the arrival of a chunk's last sample to its acknowledgement.
type liveLatency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func newLiveLatency(l *pipeline.Latency) *liveLatency {
	return &liveLatency{
		milliseconds(l.Quantile(0.5)), milliseconds(l.Quantile(0.9)), milliseconds(l.Quantile(0.99)), milliseconds(l.Longest),
	}
}

// channelShares is which share of its chunks the channels lost, of those channels that
// had at least fewChunks.
type channelShares struct {
	Least float64 `json:"least"`
	Mean  float64 `json:"mean"`
	Most  float64 `json:"most"`
}

// fewChunks are too few to speak of a share of them.
const fewChunks = 10

func newChannelShares(channels map[pipeline.Channel]pipeline.Share) *channelShares {
	var s channelShares
	n := 0.
	for _, c := range channels {
		if c.Chunks < fewChunks {
			continue
		}
		share := float64(c.Shed) / float64(c.Chunks)
		if n == 0 {
			s.Least = share
		}
		s.Least, s.Most, s.Mean = min(s.Least, share), max(s.Most, share), s.Mean+share
		n++
	}
	if n == 0 {
		return nil
	}
	s.Mean /= n
	return &s
}

func newLiveResult(r pipeline.Report, stats []minknow.Stats) *liveResult {
	out := &liveResult{result: newResult(r), LatencyMS: newLiveLatency(&r.Latency), Shares: newChannelShares(r.Channels), Positions: []positionStatus{}}
	for i := range stats {
		out.Positions = append(out.Positions, newPositionStatus(&stats[i]))
	}
	return out
}

func (r *liveResult) printJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// print writes the result for people.
func (r *liveResult) print(w io.Writer) error {
	if err := r.result.print(w); err != nil {
		return err
	}
	if l := r.LatencyMS; l != nil && r.Acknowledged > 0 {
		fmt.Fprintf(w, "\nfrom arrival to acknowledgement: %.0f ms (median), %.0f ms (99 of 100), %.0f ms (longest)\n", l.P50, l.P99, l.Max)
	}
	if len(r.Positions) == 0 {
		_, err := fmt.Fprintln(w, "\nno flow-cell position was met")
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "position\treads\tsamples\tgaps\theads missing\tmerged\trepeated\tlate\tshed samples\treconnects")
	for _, p := range r.Positions {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", p.Position, p.LiveReads, p.LiveSamples, p.Gaps, p.HeadsMissing, p.Merged, p.Repeated,
			p.Late, p.ShedSamples, p.Reconnects)
	}
	return t.Flush()
}
