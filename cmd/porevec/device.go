package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/device"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/signal"
)

// autoDevice lets porevec choose.
const autoDevice = "auto"

// parseDevices reads --device: auto, or devices in the order of preference. The CPU comes
// last where it is not named: something must go on when a device fails. Of auto the list
// is what may be there, and is to be measured.
func parseDevices(text string) (list []ort.Device, auto bool, err error) {
	if text == autoDevice {
		return candidates(), true, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		d, err := ort.ParseDevice(name)
		if err != nil {
			return nil, false, usageError("--device %s: %w, or auto", text, err)
		}
		list = append(list, d)
	}
	if !slices.Contains(list, ort.CPU) {
		list = append(list, ort.CPU)
	}
	return list, false, nil
}

// candidates are the devices worth a trial. TensorRT is not among them, which compiles for
// minutes first, nor OpenVINO, which with another version of the runtime than its own ends
// the program.
func candidates() []ort.Device {
	var list []ort.Device
	if cards, _ := filepath.Glob("/proc/driver/nvidia/gpus/*"); len(cards) > 0 {
		list = append(list, ort.CUDA)
	}
	if runtime.GOOS == "darwin" {
		list = append(list, ort.CoreML)
	}
	list = slices.DeleteFunc(list, func(d ort.Device) bool { return d.Missing() != nil })
	return append(list, ort.CPU)
}

// How a device other than the CPU is called.
const (
	deviceCalls = 3 // one computes, one is copied there, one back
	// A call takes milliseconds. This one is for a computer that does much else.
	devicePatience = 10 * time.Second
	trial          = time.Second // of each device, for auto
)

// devices opens the encoders of models on the devices that were asked for.
type devices struct {
	list    []ort.Device // in the order of preference, once ranked
	auto    bool
	insist  bool // one was named, which must work at the start
	threads int
	batch   func(ort.Device) int
	path    string // of --model; "": built in
	alone   bool   // as the function of this name
	log     *slog.Logger

	mu     sync.Mutex
	open   []*device.Encoder
	events uint64
	last   *device.Event
}

// encoder opens a model.
func (d *devices) encoder(ctx context.Context, m embed.Model) (*device.Encoder, error) {
	files, err := d.files(m)
	if err != nil {
		return nil, err
	}
	if d.auto && len(d.list) > 1 {
		d.rank(ctx, m, files)
	}
	if d.alone {
		d.list = alone(d.list)
	}
	e, err := device.New(ctx, device.Config{Model: m, Devices: d.describe(m, files), Insist: d.insist || d.alone, Log: d.log, Told: d.told})
	if err != nil {
		return nil, fmt.Errorf("device %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = append(d.open, e)
	return e, nil
}

// alone leaves the first device, where a figure is to be that device's. Behind one that
// takes a single length of chunk the others stay, for chunks of short reads.
func alone(list []ort.Device) []ort.Device {
	if list[0].FixedWindow() {
		return list
	}
	return list[:1]
}

// files are those of the model's encoder.
func (d *devices) files(m embed.Model) ([]embed.Artefact, error) {
	if d.path != "" {
		return embed.ArtefactsBeside(d.path)
	}
	return embed.Artefacts(m.ID), nil
}

// describe lists the devices for a model.
func (d *devices) describe(m embed.Model, files []embed.Artefact) (list []device.Device) {
	for _, on := range d.list {
		list = append(list, d.device(on, m, files))
	}
	return list
}

// device describes where and how one of an encoder's files is computed.
func (d *devices) device(on ort.Device, m embed.Model, files []embed.Artefact) device.Device {
	out := device.Device{
		Name: on.String(), Chunks: d.batch(on),
		Open: func() (embed.Encoder, error) {
			file, err := fileFor(on, m, files)
			if err != nil {
				return nil, err
			}
			return ort.Open(file, on)
		},
		Prove: func(ctx context.Context, c embed.Computer) error {
			if on == ort.CPU && !hasGolden(files) {
				return nil // a model of the user's, on what it was made for
			}
			return embed.Prove(ctx, c, files)
		},
	}
	if on != ort.CPU {
		out.Calls, out.Patience = deviceCalls, devicePatience
	}
	if on.FixedWindow() {
		out.Window = m.DefaultWindow
	}
	return out
}

// hasGolden says whether the vectors of an encoder can be proven.
func hasGolden(files []embed.Artefact) bool {
	return slices.ContainsFunc(files, func(a embed.Artefact) bool { return a.Kind == embed.KindGolden })
}

// fileFor is the file of an encoder that suits a device. On the CPU it is the model that
// was asked for.
func fileFor(on ort.Device, m embed.Model, files []embed.Artefact) (embed.Model, error) {
	if on == ort.CPU {
		return m, nil
	}
	for _, kind := range on.Kinds() {
		for _, a := range files {
			if a.Kind == kind {
				return embed.Parse(a.Content)
			}
		}
	}
	return embed.Model{}, fmt.Errorf("%v needs the encoder as one of %v, and none lies beside the file of --model", on, on.Kinds())
}

// rank measures the devices once, and puts the fastest first.
func (d *devices) rank(ctx context.Context, m embed.Model, files []embed.Artefact) {
	chunk := &signal.Batch{Window: m.DefaultWindow, Chunks: make([]signal.Chunk, 1), Samples: make([]int16, m.DefaultWindow), Shift: []float32{0}, Scale: []float32{100}}
	var ranked []ort.Device
	for _, s := range device.Rank(ctx, d.describe(m, files), chunk, d.threads, trial) {
		if s.Err != nil {
			d.log.Warn("a device cannot be used", "device", s.Device.Name, "why", s.Err)
			continue
		}
		d.log.Info("device measured", "device", s.Device.Name, "samples_per_s", int64(s.SamplesPerS))
		at := slices.IndexFunc(d.list, func(on ort.Device) bool { return on.String() == s.Device.Name })
		ranked = append(ranked, d.list[at])
	}
	if len(ranked) == 0 {
		ranked = []ort.Device{ort.CPU} // opening it says what is wrong
	}
	d.list, d.auto = ranked, false
}

func (d *devices) told(e device.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events++
	d.last = &e
}

// deviceStatus is what .stat says of devices.
type deviceStatus struct {
	Device       string        `json:"device,omitempty"`        // that computes now
	DeviceEvents uint64        `json:"device_events,omitempty"` // since the start
	DeviceEvent  *device.Event `json:"device_event,omitempty"`  // the last one
}

func (d *devices) status() deviceStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deviceStatus{d.now(), d.events, d.last}
}

// now names the devices that compute. Models may be on several.
func (d *devices) now() string {
	var names []string
	for _, e := range d.open {
		if name := e.Device(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
