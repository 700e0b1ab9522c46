package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
)

func deviceOf(t *testing.T, name string) ort.Device {
	t.Helper()
	d, err := ort.ParseDevice(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What cannot be opened is out of the choice, and the CPU is left when nothing can.
func TestRank(t *testing.T) {
	needRuntime(t)
	m := embed.Models()[0]
	files := embed.Artefacts(m.ID)
	absent := deviceOf(t, "cuda:999") // no computer has so many cards
	for name, files := range map[string][]embed.Artefact{"files of the model": files, "no files": nil} {
		d := devices{list: []ort.Device{absent, ort.CPU}, auto: true, threads: 1, batch: (&encoderFlags{}).batchOn, log: slog.New(slog.DiscardHandler)}
		d.rank(t.Context(), m, files)
		if !slices.Equal(d.list, []ort.Device{ort.CPU}) || d.auto {
			t.Errorf("%s: %v is left, measured again: %v", name, d.list, d.auto)
		}
	}
	d := devices{list: []ort.Device{absent}, auto: true, threads: 1, batch: (&encoderFlags{}).batchOn, log: slog.New(slog.DiscardHandler)}
	d.rank(t.Context(), m, files)
	if !slices.Equal(d.list, []ort.Device{ort.CPU}) {
		t.Errorf("when no device works, %v is left", d.list)
	}
}

func TestAlone(t *testing.T) {
	tensorRT := deviceOf(t, "tensorrt:0")
	for _, c := range []struct{ list, want []ort.Device }{
		{[]ort.Device{ort.CPU}, []ort.Device{ort.CPU}},
		{[]ort.Device{ort.CUDA, ort.CPU}, []ort.Device{ort.CUDA}},
		{[]ort.Device{tensorRT, ort.CPU}, []ort.Device{tensorRT, ort.CPU}}, // short chunks
	} {
		if got := alone(c.list); !slices.Equal(got, c.want) {
			t.Errorf("of %v there is left %v, want %v", c.list, got, c.want)
		}
	}
}

// The encoder of a measurement has nothing to fall back to.
func TestAloneEncoder(t *testing.T) {
	needRuntime(t)
	d := devices{list: []ort.Device{ort.CPU, ort.CUDA}, alone: true, threads: 1, batch: (&encoderFlags{}).batchOn, log: slog.New(slog.DiscardHandler)}
	e, err := d.encoder(t.Context(), embed.Models()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if !slices.Equal(d.list, []ort.Device{ort.CPU}) {
		t.Errorf("devices %v", d.list)
	}
}

// On the CPU the model itself is computed, elsewhere the first of its files that suits.
func TestFileFor(t *testing.T) {
	m := embed.Models()[0]
	files := embed.Artefacts(m.ID)
	content := func(kind string) []byte {
		return files[slices.IndexFunc(files, func(a embed.Artefact) bool { return a.Kind == kind })].Content
	}
	for name, kind := range map[string]string{
		"cpu": embed.KindINT8, "cuda:0": embed.KindFP16, "coreml": embed.KindFP16, "tensorrt:0": embed.KindS8S8, "openvino:CPU": embed.KindS8S8,
	} {
		got, err := fileFor(deviceOf(t, name), m, files)
		if err != nil || !slices.Equal(got.File, content(kind)) {
			t.Errorf("%s: not %s, %v", name, kind, err)
		}
	}
	without := slices.DeleteFunc(slices.Clone(files), func(a embed.Artefact) bool { return a.Kind == embed.KindFP16 })
	if got, err := fileFor(ort.CUDA, m, without); err != nil || !slices.Equal(got.File, content(embed.KindFP32)) {
		t.Errorf("without fp16: not fp32, %v", err)
	}
	if _, err := fileFor(ort.CUDA, m, nil); err == nil || !strings.Contains(err.Error(), "[fp16 fp32]") {
		t.Errorf("without any file: %v", err)
	}
	if got, err := fileFor(ort.CPU, m, nil); err != nil || got.Digest != m.Digest {
		t.Errorf("on the CPU, without siblings: %v, %v", got.ID, err)
	}
}

func TestBatchOn(t *testing.T) {
	for _, c := range []struct {
		device, preset string
		batch, want    int
	}{
		{"cpu", presetThroughput, 0, 8},
		{"cpu", presetLatency, 0, 1},
		{"openvino:CPU", presetThroughput, 0, 8},
		{"openvino:GPU", presetThroughput, 0, 1024},
		{"cuda:0", presetThroughput, 0, 1024},
		{"cuda:0", presetLatency, 0, 64},
		{"cuda:0", presetLatency, 5, 5},
		{"cpu", presetLatency, 5, 5},
	} {
		f := encoderFlags{preset: c.preset, batch: c.batch}
		if got := f.batchOn(deviceOf(t, c.device)); got != c.want {
			t.Errorf("%s, %s, --batch %d: %d chunks, want %d", c.device, c.preset, c.batch, got, c.want)
		}
	}
}

// Of several devices that are named, those that are not there are passed over; one that
// is named alone has to be there.
func TestNamedDevices(t *testing.T) {
	needRuntime(t)
	if ort.CUDA.Missing() == nil {
		t.Skip("CUDA is here")
	}
	dir := simulatedRun(t, 4)
	out := filepath.Join(t.TempDir(), "x.npy")
	o := runProgram(t, "embed", dir, "-o", out, "--device", "cuda:0,cpu", "--json").want(t, 0)
	if r := o.result(t); r.Device != "cpu" || r.Acknowledged == 0 || !strings.Contains(o.stderr, "libonnxruntime_providers_cuda") {
		t.Errorf("on %q, %d vectors: %s", r.Device, r.Acknowledged, o.stderr)
	}
	runProgram(t, "embed", dir, "-o", out, "--device", "cuda:0").want(t, exitModel)
}
