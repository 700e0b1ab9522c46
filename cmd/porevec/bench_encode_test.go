package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/device"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/power"
	"github.com/porevec/porevec/signal"
)

// A row of batches of 32 is of calls with 32 chunks, whatever the preset; that of the
// pipeline is of the preset's.
func TestBenchBatches(t *testing.T) {
	needRuntime(t)
	m := embed.Models()[0]
	for preset, size := range map[string]int{presetThroughput: 8, presetLatency: 1} {
		f := benchFlags{encoder: encoderFlags{device: "cpu", preset: preset, threads: 1}}
		l, err := f.open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if most := l.devices.device(ort.CPU, m, nil).Chunks; most != 32 {
			t.Errorf("%s: at most %d chunks in a call, want 32", preset, most)
		}
		line, err := l.newLine(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if line.BatchChunks != size {
			t.Errorf("%s: the pipeline's batches have %d chunks, want %d", preset, line.BatchChunks, size)
		}
		if err := line.Encoder.Close(); err != nil {
			t.Error(err)
		}
	}
	f := benchFlags{encoder: encoderFlags{batch: 100, preset: presetThroughput}}
	if got := f.batches(ort.CPU); len(got) != 1 || got[0] != 100 {
		t.Errorf("--batch 100: measured with %v", got)
	}
}

// stub is an encoder that fails as a test wants it.
type stub struct {
	model embed.Model
	fail  func(chunks int) error
}

func (s stub) Model() embed.Model { return s.model }
func (s stub) Close() error       { return nil }
func (s stub) Encode(_ context.Context, in *signal.Batch, _ []float32) error {
	if s.fail != nil {
		return s.fail(in.Len())
	}
	return nil
}

// What another device computed, or smaller batches did, is no row.
func TestBenchRefusesADeviceThatFails(t *testing.T) {
	m := embed.Model{ID: "test", Dim: 4, MinSamples: 8, Windows: []int{64}, DefaultWindow: 64}
	chunk := signal.NewBatch(1, 64)
	chunk.Chunks, chunk.Samples = make([]signal.Chunk, 1), make([]int16, 64)
	chunk.Shift, chunk.Scale = []float32{0}, []float32{1}
	var calls atomic.Int64
	for why, fail := range map[string]func(chunks int) error{
		"CUDA failure 719": func(int) error {
			if calls.Add(1) > 3 {
				return errors.New("CUDA failure 719")
			}
			return nil
		},
		"takes 8 chunks at a time": func(chunks int) error {
			if chunks > 8 {
				return errors.New("CUDA out of memory")
			}
			return nil
		},
	} {
		t.Run(why, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			l := &lines{devices: &devices{log: log}}
			trusted := func(context.Context, embed.Computer) error { return nil }
			e, err := device.New(t.Context(), device.Config{Model: m, Log: log, Told: l.devices.told, Devices: []device.Device{
				{Name: "cuda:0", Open: func() (embed.Encoder, error) { return stub{m, fail}, nil }, Prove: trusted, Chunks: 16, Calls: 2, Patience: time.Minute},
				{Name: "cpu", Open: func() (embed.Encoder, error) { return stub{m, nil}, nil }, Prove: trusted, Chunks: 16},
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			b := bench{
				ctx: t.Context(), flags: &benchFlags{seconds: 0.05}, lines: l, line: &pipeline.Line{Encoder: e},
				meter: power.Open(os.DirFS(t.TempDir()), log),
			}
			_, err = b.encode(chunk, 16, 2)
			var coded *exitError
			if !errors.As(err, &coded) || coded.code != exitModel || !strings.Contains(err.Error(), "cuda:0") || !strings.Contains(err.Error(), why) {
				t.Errorf("error %v", err)
			}
			if len(b.result.Rows) > 0 {
				t.Errorf("rows %+v", b.result.Rows)
			}
		})
	}
}
