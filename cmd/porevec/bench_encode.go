package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/device"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/signal"
)

// fileRow is one file of an encoder beside the one in float32 that it was made of.
type fileRow struct {
	Kind        string  `json:"kind"`
	Bytes       int     `json:"bytes"`
	SamplesPerS float64 `json:"samples_per_s"` // one core, batches of 8
	// Cosine is the smallest to the float32 vectors of golden chunks; nil: there are none.
	Cosine    *float64           `json:"cosine_to_fp32,omitempty"`
	Retention map[string]float64 `json:"retention,omitempty"` // as its metadata tell
}

// encoders measures the encoder with several sizes of batches, on its device.
func (b *bench) encoders(chunks *signal.Batch) error {
	best, on := 0., b.lines.devices.list[0]
	for _, size := range b.flags.batches(on) {
		samplesPerS, err := b.encode(chunks, size, 1)
		if err != nil {
			return err
		}
		best = max(best, samplesPerS)
	}
	if workers := b.flags.encoder.threads; workers > 1 { // one was measured above
		if _, err := b.encode(chunks, b.line.BatchChunks, workers); err != nil {
			return err
		}
	}
	if on != ort.CPU {
		return nil
	}
	peak, err := ort.PeakINT8(b.ctx, b.long())
	if err != nil {
		return exit(exitModel, err)
	}
	b.result.PeakINT8GOPS, b.result.ShareOfPeak = peak/1e9, best*b.result.FLOPsPerSample/peak
	return b.compareFiles(chunks)
}

// encode runs the encoder alone with the given batch size and workers.
func (b *bench) encode(chunks *signal.Batch, size, workers int) (samplesPerS float64, err error) {
	begin := b.begin()
	samples, err := b.drive(b.line.Encoder, chunks, size, workers)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	samplesPerS = float64(samples) / took.Seconds()
	b.row(fmt.Sprintf("encode, batch %d", size), workers, samples, took, fmt.Sprintf("%.0f GFLOP/s", samplesPerS*b.result.FLOPsPerSample/1e9))
	return samplesPerS, nil
}

// drive encodes batches of so many chunks, for at least --seconds, and counts samples.
func (b *bench) drive(encoder embed.Encoder, chunks *signal.Batch, size, workers int) (samples uint64, err error) {
	samples, err = device.Drive(b.ctx, encoder, chunks.Repeat(size), workers, b.long())
	if err := b.encoded(err); err != nil {
		return 0, err
	}
	if samples == 0 {
		return 0, usageError("--seconds %v: nothing was encoded in that time", b.flags.seconds)
	}
	return samples, nil
}

// encoded is why a row is not of the device and the batches that it is named after.
func (b *bench) encoded(err error) error {
	e := b.lines.devices.status().DeviceEvent
	switch {
	case e == nil:
		return failureOf(exitModel, err)
	case e.Kind == device.Smaller:
		return exit(exitModel, fmt.Errorf("%s is short of memory and takes %d chunks at a time; measure with a smaller --batch: %s", e.Device, e.Chunks, e.Why))
	}
	return exit(exitModel, fmt.Errorf("%s failed: %s", e.Device, e.Why))
}

// long is --seconds.
func (b *bench) long() time.Duration { return time.Duration(b.flags.seconds * float64(time.Second)) }

// compareFiles measures the encoder's files beside each other, each on one core.
func (b *bench) compareFiles(chunks *signal.Batch) error {
	files, err := b.lines.devices.files(b.line.Encoder.Model())
	if err != nil {
		return exit(exitModel, err)
	}
	for _, f := range files {
		m, err := embed.Parse(f.Content)
		if err != nil || f.Kind == embed.KindReference {
			continue // no signal tower
		}
		row, err := b.measureFile(cmp.Or(f.Kind, f.Name), m, files, chunks)
		if err != nil {
			return failureOf(exitModel, err)
		}
		b.result.Files = append(b.result.Files, row)
	}
	return nil
}

func (b *bench) measureFile(kind string, m embed.Model, files []embed.Artefact, chunks *signal.Batch) (fileRow, error) {
	e, err := ort.New(m)
	if err != nil {
		return fileRow{}, err
	}
	defer e.Close()
	begin := time.Now()
	samples, err := b.drive(e, chunks, 8, 1)
	if err != nil {
		return fileRow{}, err
	}
	row := fileRow{Kind: kind, Bytes: len(m.File), SamplesPerS: float64(samples) / time.Since(begin).Seconds(), Retention: m.Retention}
	if hasGolden(files) {
		cosine, err := embed.CosineToFP32(b.ctx, e, files)
		if err != nil {
			return fileRow{}, err
		}
		row.Cosine = &cosine
	}
	return row, nil
}

// printFiles shows the encoder's files, the original one first.
func printFiles(w io.Writer, files []fileRow) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b fileRow) int { return strings.Compare(original(a), original(b)) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nfile\tMB\tM samples/s, one core\tcosine to fp32, worst\t retention\t\n")
	for _, f := range files {
		var kept []string
		for _, name := range slices.Sorted(maps.Keys(f.Retention)) {
			if strings.HasPrefix(name, "cos_") {
				kept = append(kept, fmt.Sprintf("%s %.4f", name, f.Retention[name]))
			}
		}
		cosine := "-"
		if f.Cosine != nil {
			cosine = fmt.Sprintf("%.5f", *f.Cosine)
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.1f\t%s\t %s\t\n", f.Kind, float64(f.Bytes)/1e6, f.SamplesPerS/1e6, cosine, strings.Join(kept, ", "))
	}
	t.Flush()
}

func original(f fileRow) string {
	if f.Kind == embed.KindFP32 {
		return ""
	}
	return f.Kind
}
