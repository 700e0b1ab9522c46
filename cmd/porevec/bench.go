package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/normalize"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/power"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/spf13/cobra"
)

// Samples per second of a flow cell with every channel sequencing at 5 kHz.
const (
	minionSamplesPerS     = 512 * 5000
	promethionSamplesPerS = 2675 * 5000
)

// benchFlags are the flags of porevec bench.
type benchFlags struct {
	json    bool
	reads   int
	seconds float64
	store   string
	encoder encoderFlags
}

func newBench(g *global) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench [FILE...]",
		Args:  cobra.ArbitraryArgs, // files, though there is a subcommand
		Short: "Measure the speed of this computer, stage by stage",
		Long: `bench measures each stage alone and then the whole pipeline, on the given POD5
files or on a run that it simulates. The columns behind the speed say how many flow
cells with every channel sequencing a row keeps up with, and the joules that the
computer took for a million samples, where it tells. On the CPU the encoder is compared
with the runtime's own product of INT8 matrices, and with the files that it was made of.

The column cores says how many threads a row computes with at once. Of the whole
pipeline these are its encoders (--threads): it reads, cuts and delivers beside them.

Of --device the first is measured. No other takes over when it fails or is short of
memory: bench ends with exit code 5 then.

Machines are noisy: compare rows of one run with each other, and look at other
runs as a check.`,
		Example: `  porevec bench
  porevec bench --json run/a.pod5
  porevec bench -t 1
  porevec bench --device cuda:0 --batch 1024
  porevec bench compare before.json after.json`,
		PreRunE: func(*cobra.Command, []string) error { return f.validate() },
		RunE:    interruptible(func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "one JSON object on stdout")
	flags.IntVar(&f.reads, "reads", 1500, "reads of the simulated run")
	flags.Float64Var(&f.seconds, "seconds", 2, "least time spent on each row of encode")
	flags.StringVar(&f.store, "store", "", "folder for the pipeline's store (default: a temporary one)")
	f.encoder.register(flags)
	cmd.AddCommand(newBenchRead(), newBenchSink(), newBenchLive(g), newBenchCompare())
	return cmd
}

// benchRow is one measurement.
type benchRow struct {
	Stage string `json:"stage"`
	// Cores is how many threads compute at once: of the whole pipeline its encoders, beside
	// which it reads, cuts and delivers.
	Cores       int     `json:"cores"`
	Samples     uint64  `json:"samples"`
	Seconds     float64 `json:"seconds"`
	SamplesPerS float64 `json:"samples_per_s"`
	// Joules that the computer took for a million samples; 0: it does not tell.
	JoulesPerMSamples float64 `json:"joules_per_m_samples,omitempty"`
	Remark            string  `json:"remark,omitempty"`
}

// joules is what a table shows of them.
func (r *benchRow) joules() string {
	if r.JoulesPerMSamples <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.JoulesPerMSamples)
}

// benchResult is what bench --json prints.
type benchResult struct {
	CPU            string  `json:"cpu"`
	Cores          int     `json:"cores"`
	Runtime        string  `json:"onnxruntime"`
	Model          string  `json:"model"`
	Device         string  `json:"device"`
	FLOPsPerSample float64 `json:"flops_per_sample"`
	// PeakINT8GOPS is what the runtime's own INT8 matrix product reaches on one core, and
	// ShareOfPeak what the encoder reaches of it; only on the CPU.
	PeakINT8GOPS    float64      `json:"peak_int8_gops,omitempty"`
	ShareOfPeak     float64      `json:"share_of_peak,omitempty"`
	Files           []fileRow    `json:"files,omitempty"`
	Batches         batchResult  `json:"pipeline_batches"`
	Rows            []benchRow   `json:"rows"`
	PipelineStageS  stageSeconds `json:"pipeline_stage_s"`
	PeakMemoryBytes uint64       `json:"peak_memory_bytes"`
}

func (f *benchFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	dir, err := os.MkdirTemp("", "porevec-bench-*")
	if err != nil {
		return exit(exitFailure, err)
	}
	defer os.RemoveAll(dir)
	files, err := f.input(dir, paths)
	if err != nil {
		return failure(err)
	}
	lines, err := f.open(g.logger())
	if err != nil {
		return exit(exitModel, err)
	}
	defer lines.Close()
	b := bench{ctx: cmd.Context(), flags: f, dir: dir, files: files, lines: lines, meter: power.Open(os.DirFS("/"), g.logger())}
	defer b.meter.Close()
	if err := b.measure(); err != nil {
		return failure(err)
	}
	if f.json {
		return failure(json.NewEncoder(cmd.OutOrStdout()).Encode(b.result))
	}
	return failure(b.result.print(cmd.OutOrStdout()))
}

func (f *benchFlags) validate() error {
	if f.reads < 1 {
		return usageError("--reads %d: at least 1 is needed", f.reads)
	}
	if err := validateSeconds(f.seconds); err != nil {
		return err
	}
	return f.encoder.validate()
}

// open makes ready the encoder that is measured: on one device, because a row is of the
// device that the result names, and with calls that take the largest batch of a row.
func (f *benchFlags) open(log *slog.Logger) (*lines, error) {
	l, err := f.encoder.open(log)
	if err != nil {
		return nil, err
	}
	l.devices.alone = true
	l.devices.batch = func(d ort.Device) int { return slices.Max(f.batches(d)) }
	return l, nil
}

// batches are the sizes that the encoder is measured with on a device. Those of the
// presets are among them.
func (f *benchFlags) batches(d ort.Device) []int {
	switch {
	case f.encoder.batch > 0:
		return []int{f.encoder.batch}
	case d.Processor():
		return []int{1, 8, 32}
	}
	return []int{64, 256, 1024, 4096}
}

// input gives the files to read, simulating a run where none was named.
func (f *benchFlags) input(dir string, paths []string) ([]string, error) {
	if len(paths) > 0 {
		return findInput(paths, true)
	}
	path := filepath.Join(dir, "simulated.pod5")
	_, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 1, Reads: f.reads})
	return []string{path}, err
}

// bench holds what the measurements share.
type bench struct {
	ctx    context.Context
	flags  *benchFlags
	dir    string
	files  []string
	lines  *lines
	line   *pipeline.Line
	meter  *power.Meter
	joules float64 // before the row that is being measured
	result benchResult
}

func (b *bench) measure() error {
	blocks, err := b.read()
	if err != nil {
		return err
	}
	if len(blocks) == 0 {
		return errors.New("the input holds no signal")
	}
	if b.line, err = b.lines.lineFor(b.ctx, blocks[0].Read.Run); err != nil {
		return exit(exitModel, err)
	}
	m := b.line.Encoder.Model()
	if on := b.lines.devices.list[0]; on.FixedWindow() && b.line.Segment.Window != m.DefaultWindow {
		return exit(exitModel, fmt.Errorf("%v takes windows of %d samples, and would leave those of --window %d to another device", on, m.DefaultWindow, b.line.Segment.Window))
	}
	b.result.CPU, b.result.Cores, b.result.Device = cpuName(), runtime.GOMAXPROCS(0), b.lines.device()
	b.result.Runtime, b.result.Model, b.result.FLOPsPerSample = ort.RuntimeVersion(), m.ID, m.FLOPsPerSample
	batch, err := b.cut(blocks)
	if err != nil {
		return err
	}
	if err := b.encoders(batch); err != nil {
		return err
	}
	if err := b.publish(); err != nil {
		return exit(exitDelivery, err)
	}
	if err := b.whole(); err != nil {
		return err
	}
	b.result.PeakMemoryBytes = peakMemory()
	return nil
}

func (b *bench) row(stage string, cores int, samples uint64, took time.Duration, remark string) {
	row := benchRow{Stage: stage, Cores: cores, Samples: samples, Seconds: took.Seconds(), SamplesPerS: float64(samples) / took.Seconds(), Remark: remark}
	joules := b.meter.Read().Joules
	row.JoulesPerMSamples = (joules - b.joules) / max(float64(samples)/1e6, 1e-6)
	b.result.Rows = append(b.result.Rows, row)
}

// begin starts the clock of a row, and its joules.
func (b *bench) begin() time.Time {
	b.joules = b.meter.Read().Joules
	return time.Now()
}

// keptBlocks bounds the signal that is kept in memory for the later stages.
const keptBlocks = 200

// read decodes everything, keeping copies of the first blocks.
func (b *bench) read() ([]*signal.Block, error) {
	src := replay.NewSource(replay.List(b.files), replay.Options{})
	defer src.Close()
	var kept []*signal.Block
	var samples uint64
	begin := b.begin()
	for {
		block, err := src.Next(b.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && signal.ClassOf(err) != signal.Corrupt {
			return nil, err
		}
		if err != nil {
			continue
		}
		samples += uint64(len(block.Samples))
		if len(kept) < keptBlocks {
			c := signal.NewBlock(block.Read, block.Offset, append([]int16(nil), block.Samples...), nil)
			c.Last = block.Last
			kept = append(kept, c)
		}
		block.Release()
	}
	b.row("read (decode POD5)", 1, samples, time.Since(begin), "")
	return kept, nil
}

// collector is a segment.Output that normalizes and keeps one window per chunk.
type collector struct {
	norm  *normalize.Normalizer
	batch *signal.Batch
	size  int
}

func (c *collector) Chunk(chunk signal.Chunk, samples []int16) error {
	shift, scale, err := c.norm.Fit(samples, chunk.Read.Calibration)
	if err != nil {
		return err
	}
	if len(samples) == c.batch.Window && c.batch.Len() < c.size {
		c.batch.Chunks = append(c.batch.Chunks, chunk)
		c.batch.Samples = append(c.batch.Samples, samples...)
		c.batch.Shift, c.batch.Scale = append(c.batch.Shift, shift), append(c.batch.Scale, scale)
	}
	return nil
}
func (*collector) Skip(*signal.Read, segment.Reason, uint64) {}
func (*collector) End(*signal.Read, uint32, segment.Reason)  {}

// cut segments and normalizes the kept blocks, and gives chunks to encode.
func (b *bench) cut(blocks []*signal.Block) (*signal.Batch, error) {
	seg, err := segment.New(b.line.Segment)
	if err != nil {
		return nil, err
	}
	out := &collector{norm: b.line.Normalize, size: max(32, b.line.BatchChunks), batch: signal.NewBatch(32, b.line.Segment.Window)}
	var samples uint64
	begin := b.begin()
	for _, block := range blocks {
		samples += uint64(len(block.Samples))
		if err := seg.Push(block, out); err != nil {
			return nil, err
		}
	}
	b.row("cut (segment, "+b.line.Recipe.Normalization+")", 1, samples, time.Since(begin), "")
	if out.batch.Len() == 0 {
		return nil, fmt.Errorf("no read is as long as a window of %d samples", b.line.Segment.Window)
	}
	return out.batch, nil
}

// publish stores vectors that are made beforehand, in messages of the default size.
func (b *bench) publish() error {
	sink := sinkBench{ctx: b.ctx, flags: &benchSinkFlags{dim: b.line.Recipe.Dim, dtype: b.line.Recipe.DType, seconds: b.flags.seconds}, dir: b.dir}
	begin := b.begin()
	row, err := sink.full(jetstream.Always, publishBytes)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	samples := uint64(row.VectorsPerS * took.Seconds() * float64(b.line.Recipe.Hop))
	b.row("publish, to disk", 1, samples, took, fmt.Sprintf("%.0f vectors/s", row.VectorsPerS))
	return nil
}

// publishBytes is the default of --message-size.
const publishBytes = 256 << 10

// whole runs everything from the files to the acknowledgement of the stream.
func (b *bench) whole() error {
	store := b.flags.store
	if store == "" {
		store = filepath.Join(b.dir, "store")
	}
	delivery := deliveryFlags{nats: "embedded", store: store, rig: "bench"}
	out, err := delivery.open(b.ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return exit(exitDelivery, err)
	}
	src := replay.NewSource(replay.List(b.files), replay.Options{})
	defer src.Close()
	p, err := pipeline.New(pipeline.Config{
		Source: src, LineFor: b.lines.lineFor, Sink: out.sink,
		Workers: b.flags.encoder.threads, BatchAge: b.flags.encoder.batchAge,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return errors.Join(err, out.sink.Close())
	}
	b.begin()
	report, err := p.Run(b.ctx)
	if err != nil && !errors.Is(err, pipeline.ErrEncode) {
		err = exit(exitDelivery, err)
	}
	if err := b.encoded(err); err != nil {
		return err
	}
	res := newResult(report)
	b.result.PipelineStageS, b.result.Batches = res.StageS, res.Batches
	b.row("whole pipeline, to disk", b.flags.encoder.threads, report.Samples, report.Elapsed,
		fmt.Sprintf("%d vectors acknowledged", report.Acknowledged))
	return nil
}

func (r *benchResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores; ONNX Runtime %s; %s on %s, %.0f FLOP/sample\n\n", r.CPU, r.Cores, r.Runtime, r.Model, r.Device, r.FLOPsPerSample)
	fmt.Fprintf(w, "%-26s %5s %12s %8s %11s %8s\n", "stage", "cores", "M samples/s", "MinION", "PromethION", "J/M")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-26s %5d %12.1f %7.1fx %10.1fx %8s  %s\n", row.Stage, row.Cores, row.SamplesPerS/1e6,
			row.SamplesPerS/minionSamplesPerS, row.SamplesPerS/promethionSamplesPerS, row.joules(), row.Remark)
	}
	if len(r.Files) > 0 {
		printFiles(w, r.Files)
	}
	if r.PeakINT8GOPS > 0 {
		fmt.Fprintf(w, "\nThe runtime's own INT8 matrix product reaches %.0f GOP/s on one core; the encoder %.0f %% of that.\n", r.PeakINT8GOPS, 100*r.ShareOfPeak)
	}
	s, t := r.PipelineStageS, r.Batches
	_, err := fmt.Fprintf(w, "\nThe pipeline's stages were busy for: read %.2f s, cut %.2f s, encode %.2f s (all workers), deliver %.2f s.\n"+
		"Its batches were %.0f %% full; p50 and p99 in ms: filling %.1f %.1f, waiting %.1f %.1f, encoding %.1f %.1f, until on disk %.1f %.1f.\n",
		s.Read, s.Cut, s.Encode, s.Deliver, 100*t.Fill,
		t.FillMS.P50, t.FillMS.P99, t.QueueMS.P50, t.QueueMS.P99, t.EncodeMS.P50, t.EncodeMS.P99, t.AcknowledgeMS.P50, t.AcknowledgeMS.P99)
	if r.PeakMemoryBytes > 0 {
		fmt.Fprintf(w, "At most %d MB of memory were resident.\n", r.PeakMemoryBytes/1_000_000)
	}
	return err
}
