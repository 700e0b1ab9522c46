package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/device"
)

// A device that breaks, and one that hangs, in the middle of a run: every chunk has its
// vector, once, as if nothing had happened.
func TestDevicesFailInTheMiddle(t *testing.T) {
	undisturbed := &memory{}
	if _, err := run(t, testConfig(mixed(), undisturbed, &sumEncoder{})); err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(hang chan struct{}) error{
		"breaks": func(chan struct{}) error { return errors.New("CUDA failure 719: unspecified launch failure") },
		"hangs":  func(hang chan struct{}) error { <-hang; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			hang := make(chan struct{})
			defer close(hang)
			gpu := &sumEncoder{fail: func(call int64) error {
				if call > 5 {
					return fail(hang)
				}
				return nil
			}}
			cpu := &sumEncoder{}
			var failed atomic.Int64
			trusted := func(context.Context, embed.Computer) error { return nil }
			e, err := device.New(t.Context(), device.Config{
				Model: embed.Model{Dim: testDim, MinSamples: 1, Windows: []int{400}}, Log: slog.New(slog.DiscardHandler),
				Told: func(device.Event) { failed.Add(1) },
				Devices: []device.Device{
					{Name: "gpu", Open: func() (embed.Encoder, error) { return &sized{gpu}, nil }, Prove: trusted, Chunks: 4, Calls: 2, Patience: 20 * time.Millisecond},
					{Name: "cpu", Open: func() (embed.Encoder, error) { return &sized{cpu}, nil }, Prove: trusted, Chunks: 3},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			out := &memory{}
			cfg := testConfig(mixed(), out, nil)
			change(&cfg, func(l *Line) { l.Encoder = e })
			report, err := run(t, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(undisturbed.rows, out.rows, cmp.AllowUnexported(row{})); d != "" {
				t.Errorf("other rows than of an undisturbed run (-want +got):\n%s", d)
			}
			if failed.Load() != 1 || cpu.calls.Load() == 0 || report.ChunksFailed > 0 {
				t.Errorf("%d events, %d calls of the CPU, %d chunks failed", failed.Load(), cpu.calls.Load(), report.ChunksFailed)
			}
			go func() { _ = e.Close() }()
		})
	}
}

// sized is a sumEncoder that knows its dimensions.
type sized struct{ *sumEncoder }

func (*sized) Model() embed.Model { return embed.Model{Dim: testDim} }
