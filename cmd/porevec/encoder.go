package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/internal/version"
	"github.com/porevec/porevec/normalize"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// encoderFlags say what embeds and how.
type encoderFlags struct {
	model       string
	device      string
	preset      string
	window, hop int
	dtype       string
	threads     int
	batch       int
	batchAge    time.Duration
	defaultAge  time.Duration // of preset throughput

	maxChunks int // of a read

	// single allows one model for the whole input.
	single bool
}

func (f *encoderFlags) register(flags *pflag.FlagSet) {
	f.defaultAge = throughputAge
	flags.StringVar(&f.model, "model", "", "encoder: an id from 'porevec model list' or an .onnx file (default: what fits the run)")
	flags.StringVar(&f.device, "device", autoDevice, "where to compute: auto, cpu, cuda:N, tensorrt:N, openvino:TARGET or coreml; several with commas, the preferred first")
	flags.StringVar(&f.preset, "preset", presetThroughput, "what batches are made for: throughput or latency")
	flags.IntVar(&f.window, "window", 0, "samples in a chunk (default: the model's)")
	flags.IntVar(&f.hop, "hop", 0, "samples from one chunk's start to the next (default: the window)")
	flags.StringVar(&f.dtype, "dtype", "float16", "type of the vectors' elements: float16 or float32")
	flags.IntVarP(&f.threads, "threads", "t", defaultThreads(), "encoders that run at once, one core each")
	flags.IntVar(&f.batch, "batch", 0, "most chunks in one call of an encoder (default: what suits the device and the preset)")
	flags.DurationVar(&f.batchAge, "batch-age", 0, "longest wait of a chunk for its batch to fill (default: that of the preset)")
}

// registerLimit adds the flag that limits the chunks of a read.
func (f *encoderFlags) registerLimit(flags *pflag.FlagSet) {
	flags.IntVar(&f.maxChunks, "max-chunks-per-read", 0, "embed the beginning of each read only, so many chunks (0: the whole read)")
}

// lines opens one encoder per model, when a run first needs it.
type lines struct {
	flags   encoderFlags
	fixed   *embed.Model // --model
	open    map[string]*pipeline.Line
	devices *devices
	log     *slog.Logger
}

// validate refuses what no model could make sense of.
func (f *encoderFlags) validate() error {
	switch {
	case f.preset != presetThroughput && f.preset != presetLatency:
		return usageError("--preset %q: must be throughput or latency", f.preset)
	case f.dtype != "float16" && f.dtype != "float32":
		return usageError("--dtype %q: must be float16 or float32", f.dtype)
	case f.window < 0 || f.hop < 0:
		return usageError("--window %d --hop %d: must not be negative", f.window, f.hop)
	case f.maxChunks < 0:
		return usageError("--max-chunks-per-read %d: must not be negative", f.maxChunks)
	case f.threads < 1 || f.threads > mostCores:
		return usageError("--threads %d: must lie between 1 and %d", f.threads, mostCores)
	case f.batch < 0 || f.batch > mostBatch || f.batchAge < 0:
		return usageError("--batch %d --batch-age %v: must not be negative, and a batch has %d chunks at most", f.batch, f.batchAge, mostBatch)
	}
	if f.batchAge == 0 {
		f.batchAge = f.defaultAge
		if f.preset == presetLatency {
			f.batchAge = latencyAge
		}
	}
	_, _, err := parseDevices(f.device)
	return err
}

// The presets of --preset.
const (
	presetThroughput = "throughput"
	presetLatency    = "latency"
)

// How long a chunk may wait for others. A full MinION makes a chunk in 1.6 ms, so that
// batches of 8 fill in 13 ms.
const (
	throughputAge = 100 * time.Millisecond
	liveAge       = 20 * time.Millisecond
	latencyAge    = 5 * time.Millisecond
)

// What --threads and --batch may be at most: for more the memory of no computer would do.
const (
	mostCores = 1024
	mostBatch = 16384 // 128 MB of samples
)

// batchOn is the most chunks in a call. On the CPU a core is at its full speed from 8 on,
// and single chunks reach seven tenths of that. A graphics card has thousands of
// processors to keep busy, and an answer that takes a millisecond at 64 chunks.
func (f *encoderFlags) batchOn(d ort.Device) int {
	switch {
	case f.batch > 0:
		return f.batch
	case d.Processor() && f.preset == presetLatency:
		return 1
	case d.Processor():
		return 8
	case f.preset == presetLatency:
		return 64
	}
	return 1024
}

// open checks that encoding will work at all before anything is read.
func (f *encoderFlags) open(log *slog.Logger) (*lines, error) {
	if err := ort.Init(); err != nil {
		return nil, err
	}
	list, auto, err := parseDevices(f.device)
	if err != nil {
		return nil, err
	}
	l := &lines{flags: *f, open: make(map[string]*pipeline.Line), log: log}
	l.devices = &devices{list: list, auto: auto, threads: f.threads, batch: l.flags.batchOn, log: log}
	if f.model != "" {
		m, err := findModel(f.model)
		if err != nil {
			return nil, err
		}
		l.fixed = &m
		if strings.HasSuffix(f.model, ".onnx") {
			l.devices.path = f.model
		}
	}
	if l.devices.insist = !auto && !strings.Contains(f.device, ","); l.devices.insist {
		// Said now, and not when the first run begins.
		if err := list[0].Missing(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// findModel takes an id or the path of a file.
func findModel(name string) (embed.Model, error) {
	if strings.HasSuffix(name, ".onnx") {
		return embed.Load(name)
	}
	return embed.ByID(name)
}

// lineFor picks the model of a run and opens its encoder.
func (l *lines) lineFor(ctx context.Context, run *signal.Run) (*pipeline.Line, error) {
	model := l.fixed
	if model == nil {
		m, err := embed.Pick(run)
		if err != nil {
			return nil, &signal.Error{Op: "choose a model", Err: err}
		}
		model = &m
	}
	if line := l.open[model.Digest]; line != nil {
		return line, nil
	}
	if l.flags.single && len(l.open) > 0 {
		return nil, &signal.Error{Op: "choose a model", Err: fmt.Errorf("%w into the file of -o: it holds vectors of %s, and this run needs %s; "+
			"embed the runs of each chemistry into a file of their own", embed.ErrNoModel, l.names(), model.ID)}
	}
	line, err := l.newLine(ctx, *model)
	if err != nil {
		return nil, &signal.Error{Op: "open model " + model.ID, Err: err}
	}
	l.open[model.Digest] = line
	l.log.Debug("encoder opened", "model", model.ID, "window", line.Recipe.Window, "hop", line.Recipe.Hop)
	return line, nil
}

// shortLineFor gives the line of a run for the shortest window of its model, on the same
// encoder.
func (l *lines) shortLineFor(ctx context.Context, run *signal.Run) (*pipeline.Line, error) {
	whole, err := l.lineFor(ctx, run)
	if err != nil {
		return nil, err
	}
	m := whole.Encoder.Model()
	short, recipe := *whole, *whole.Recipe
	recipe.Window = m.Windows[0]
	recipe.Hop = min(recipe.Hop, recipe.Window)
	short.Segment.Window, short.Segment.Hop, short.Recipe = recipe.Window, recipe.Hop, &recipe
	short.Segment.MinSamples = min(short.Segment.MinSamples, recipe.Window)
	return &short, nil
}

func (l *lines) newLine(ctx context.Context, m embed.Model) (*pipeline.Line, error) {
	window := l.flags.window
	if window == 0 {
		window = m.DefaultWindow
	}
	if !slices.Contains(m.Windows, window) {
		return nil, fmt.Errorf("window of %d samples: the model takes %v", window, m.Windows)
	}
	hop := l.flags.hop
	if hop == 0 {
		hop = window
	}
	norm, err := normalize.New(normalize.Method(m.NormMethod), m.NormMeanPA, m.NormSDPA)
	if err != nil {
		return nil, err
	}
	encoder, err := l.devices.encoder(ctx, m)
	if err != nil {
		return nil, err
	}
	return &pipeline.Line{
		Encoder:     encoder,
		BatchChunks: l.flags.batchOn(l.devices.list[0]),
		Normalize:   norm,
		Segment:     segment.Config{Window: window, Hop: hop, MinSamples: m.MinSamples, LeaderSamples: m.LeaderSamples, MaxChunks: l.flags.maxChunks},
		Recipe: &signal.Recipe{
			ModelID: m.ID, ModelDigest: m.Digest, Normalization: m.NormMethod,
			Window: window, Hop: hop, Dim: m.Dim, DType: l.flags.dtype, Version: version.Version,
		},
	}, nil
}

// names lists the models in use.
func (l *lines) names() string {
	var names []string
	for _, line := range l.open {
		names = append(names, line.Recipe.ModelID)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (l *lines) device() string { return l.devices.status().Device }

func (l *lines) Close() error {
	var errs []error
	for _, line := range l.open {
		errs = append(errs, line.Encoder.Close())
	}
	return errors.Join(errs...)
}
