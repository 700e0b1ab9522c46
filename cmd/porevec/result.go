package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/segment"
)

// result is what embed ends with; its JSON form is part of docs/design.md §6.
type result struct {
	Files           int               `json:"files"`
	FilesFailed     int               `json:"files_failed"`
	Reads           uint64            `json:"reads"`
	DuplicateReads  uint64            `json:"duplicate_reads,omitempty"`
	Samples         uint64            `json:"samples"`
	SamplesEmbedded uint64            `json:"samples_embedded"`
	SamplesSkipped  map[string]uint64 `json:"samples_skipped"`
	Chunks          uint64            `json:"chunks"`
	Published       uint64            `json:"published"`
	Acknowledged    uint64            `json:"acknowledged"`
	ChunksStored    uint64            `json:"chunks_already_stored"`
	ChunksFailed    uint64            `json:"chunks_failed"`
	ChunksCancelled uint64            `json:"chunks_cancelled"`
	ChunksShed      uint64            `json:"chunks_shed,omitempty"` // of a live feed
	Skipped         map[string]uint64 `json:"skipped"`               // reads, by reason
	Errors          []resultError     `json:"errors"`
	ErrorCount      uint64            `json:"error_count"`
	Model           string            `json:"model"`
	Device          string            `json:"device"`
	Destination     string            `json:"destination"`
	ElapsedS        float64           `json:"elapsed_s"`
	SamplesPerS     float64           `json:"samples_per_s"`
	StageS          stageSeconds      `json:"stage_s"`
	Batches         batchResult       `json:"batches"`
	Energy          *energy           `json:"energy,omitempty"`
	LevelChanges    int               `json:"level_changes,omitempty"`
	DeviceEvents    uint64            `json:"device_events,omitempty"`
	PeakMemoryBytes uint64            `json:"peak_memory_bytes,omitempty"`
}

type resultError struct {
	File   string `json:"file,omitempty"`
	ReadID string `json:"read_id,omitempty"`
	Class  string `json:"class"`
	Error  string `json:"error"`
}

// stageSeconds says how long each stage was busy; encode sums its workers.
type stageSeconds struct {
	Read    float64 `json:"read"`
	Cut     float64 `json:"cut"`
	Encode  float64 `json:"encode"`
	Deliver float64 `json:"deliver"`
}

// batchResult tells of the encoder's batches, which are never padded.
type batchResult struct {
	Count uint64  `json:"count"`
	Fill  float64 `json:"fill"`  // share of their places that was taken
	Short uint64  `json:"short"` // of chunks shorter than the window
	// Times of a batch: of its first chunk until it was sent, until a worker took it, in the
	// encoder, and from the sink to the acknowledgement.
	FillMS        quantiles `json:"fill_ms"`
	QueueMS       quantiles `json:"queue_ms"`
	EncodeMS      quantiles `json:"encode_ms"`
	AcknowledgeMS quantiles `json:"acknowledge_ms"`
}

// quantiles are right to 8 %.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func newBatchResult(b *pipeline.Batches) batchResult {
	of := func(l *pipeline.Latency) quantiles {
		return quantiles{milliseconds(l.Quantile(0.5)), milliseconds(l.Quantile(0.99))}
	}
	return batchResult{
		Count: b.Count, Fill: float64(b.Chunks) / float64(max(b.Room, 1)), Short: b.Short,
		FillMS: of(&b.Fill), QueueMS: of(&b.Queue), EncodeMS: of(&b.Encode), AcknowledgeMS: of(&b.Acknowledge),
	}
}

func newResult(r pipeline.Report) result {
	out := result{
		Reads: r.Reads, Samples: r.Samples, SamplesEmbedded: r.SamplesEmbedded, SamplesSkipped: byName(r.SamplesSkipped),
		Chunks: r.Chunks, Published: r.Published, Acknowledged: r.Acknowledged,
		ChunksStored: r.ChunksStored, ChunksFailed: r.ChunksFailed, ChunksCancelled: r.ChunksCancelled, ChunksShed: r.ChunksShed,
		Skipped: byName(r.ReadsSkipped), Errors: []resultError{}, ErrorCount: r.ErrorCount,
		ElapsedS: r.Elapsed.Seconds(), SamplesPerS: float64(r.Samples) / max(r.Elapsed.Seconds(), 1e-9),
		StageS:          stageSeconds{r.Stages.Read.Seconds(), r.Stages.Cut.Seconds(), r.Stages.Encode.Seconds(), r.Stages.Deliver.Seconds()},
		Batches:         newBatchResult(&r.Batches),
		PeakMemoryBytes: peakMemory(),
	}
	for _, e := range r.Errors {
		out.Errors = append(out.Errors, resultError{e.File, e.ReadID, e.Class.String(), e.Err.Error()})
	}
	return out
}

// describe adds what a run was made with.
func (r *result) describe(l *lines, g *guard, report *pipeline.Report, destination string) {
	r.Model, r.Device, r.Destination = l.names(), l.device(), destination
	r.Energy, r.LevelChanges, r.DeviceEvents = g.energy(report), g.status().LevelChanges, l.devices.status().DeviceEvents
}

func byName(m map[segment.Reason]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(m))
	for reason, n := range m {
		if n > 0 {
			out[string(reason)] = n
		}
	}
	return out
}

// print writes the result for people.
func (r *result) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	if r.Files > 0 {
		line("files", "%d, of which %d failed", r.Files, r.FilesFailed)
	}
	line("reads", "%d%s", r.Reads, reasons(r.Skipped))
	line("samples", "%d = %d embedded%s", r.Samples, r.SamplesEmbedded, plus(r.SamplesSkipped))
	line("chunks", "%d = %d acknowledged + %d stored before + %d failed + %d cancelled + %d shed",
		r.Chunks, r.Acknowledged, r.ChunksStored, r.ChunksFailed, r.ChunksCancelled, r.ChunksShed)
	if r.Model != "" {
		line("model", "%s on %s", r.Model, r.Device)
	}
	line("to", "%s", r.Destination)
	line("time", "%v, %s samples/s", time.Duration(r.ElapsedS*float64(time.Second)).Round(time.Millisecond), count(uint64(r.SamplesPerS)))
	line("busy", "read %.2fs, cut %.2fs, encode %.2fs, deliver %.2fs", r.StageS.Read, r.StageS.Cut, r.StageS.Encode, r.StageS.Deliver)
	if b := r.Batches; b.Count > 0 {
		line("batches", "%d, %.0f %% full; encode %.1f ms (p99 %.1f), to disk %.1f ms (p99 %.1f)", b.Count, 100*b.Fill,
			b.EncodeMS.P50, b.EncodeMS.P99, b.AcknowledgeMS.P50, b.AcknowledgeMS.P99)
	}
	if e := r.Energy; e != nil {
		line("energy", "%.0f J (%s): %.2f J per million samples, %.2f J per read", e.Joules, strings.Join(e.Of, " + "), e.JoulesPerMSamples, e.JoulesPerRead)
	}
	if r.LevelChanges > 0 {
		line("limits", "the level of work changed %d times", r.LevelChanges)
	}
	if r.DeviceEvents > 0 {
		line("devices", "events: %d, see the messages above", r.DeviceEvents)
	}
	if r.PeakMemoryBytes > 0 {
		line("memory", "%d MB at most", r.PeakMemoryBytes/1_000_000)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	const shown = 10
	for i, e := range r.Errors {
		if i == shown {
			fmt.Fprintf(w, "… and %d more (--json lists them)\n", r.ErrorCount-shown)
			break
		}
		fmt.Fprintf(w, "skipped: %s\n", e)
	}
	return nil
}

func (e resultError) String() string {
	parts := slices.DeleteFunc([]string{e.File, e.ReadID, e.Error}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

func (r *result) printJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// reasons renders counts as " (3 corrupt, 2 too_short)".
func reasons(m map[string]uint64) string {
	if len(m) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s", m[name], name))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// plus renders counts as " + 3 leader + 2 too_short".
func plus(m map[string]uint64) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, " + %d %s", m[name], name)
	}
	return b.String()
}
