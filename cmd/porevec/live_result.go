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
	LatencyMS liveLatency      `json:"latency_ms"`
	Positions []positionStatus `json:"positions"`
}

// liveLatency is from the arrival of a chunk's last sample to its acknowledgement.
type liveLatency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func newLiveLatency(l *pipeline.Latency) liveLatency {
	return liveLatency{
		milliseconds(l.Quantile(0.5)), milliseconds(l.Quantile(0.9)), milliseconds(l.Quantile(0.99)), milliseconds(l.Longest),
	}
}

func newLiveResult(r pipeline.Report, stats []minknow.Stats) *liveResult {
	out := &liveResult{result: newResult(r), LatencyMS: newLiveLatency(&r.Latency), Positions: []positionStatus{}}
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
	l := r.LatencyMS
	fmt.Fprintf(w, "\nfrom arrival to acknowledgement: %.0f ms (median), %.0f ms (99 of 100), %.0f ms (longest)\n\n", l.P50, l.P99, l.Max)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "position\treads\tsamples\tgaps\theads missing\tmerged\trepeated\tlate\tshed samples\treconnects")
	for _, p := range r.Positions {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", p.Position, p.LiveReads, p.LiveSamples, p.Gaps, p.HeadsMissing, p.Merged, p.Repeated,
			p.Late, p.ShedSamples, p.Reconnects)
	}
	return t.Flush()
}
