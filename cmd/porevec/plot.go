package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

var (
	traceColor  = color.NRGBA{0x26, 0x32, 0x38, 0xff}
	leaderColor = color.NRGBA{0x9e, 0x9e, 0x9e, 0x60}
	chunkColors = [2]color.NRGBA{{0x42, 0xa5, 0xf5, 0x38}, {0x26, 0xa6, 0x9a, 0x38}}
	tailColor   = color.NRGBA{0x7e, 0x57, 0xc2, 0x48}
	stallColor  = color.NRGBA{0xff, 0xa7, 0x26, 0x70}
	openColor   = color.NRGBA{0xef, 0x53, 0x50, 0x70}
)

// draw writes the picture of one read.
func (f *inspectFlags) draw(path string) error {
	file, err := replay.Open(path)
	if err != nil {
		return inputError(err)
	}
	defer file.Close()
	read, samples, err := f.pick(file)
	if err != nil {
		return err
	}
	cfg := segment.Config{Window: 4096, Hop: 4096, MinSamples: 1024}
	model := "no model fits this run: chunks of 4096 samples without leader"
	if m, err := embed.Pick(read.Run); err == nil {
		cfg = segment.Config{Window: m.DefaultWindow, Hop: m.DefaultWindow, MinSamples: m.MinSamples, LeaderSamples: m.LeaderSamples}
		model = m.ID
	}
	drawing := readPlot{read: read, samples: samples}
	s, err := segment.New(cfg)
	if err != nil {
		return exit(exitFailure, err)
	}
	block := signal.NewBlock(read, 0, samples, nil)
	block.Last = true
	if err := s.Push(block, &drawing); err != nil {
		return exit(exitFailure, err)
	}
	if err := drawing.save(f.plot, model); err != nil {
		return exit(exitFailure, fmt.Errorf("plot %s: %w", f.plot, err))
	}
	return nil
}

// pick finds the read to draw: the one named, or the first that gives a chunk or
// two, or else the first.
func (f *inspectFlags) pick(file replay.Recording) (*signal.Read, []int16, error) {
	const enough = 12_000
	reads := file.Reads()
	if f.read != "" {
		id, err := signal.ParseReadID(f.read)
		if err != nil {
			return nil, nil, usageError("--read %q: %w", f.read, err)
		}
		reads = file.ReadsOf(map[signal.ReadID]struct{}{id: {}})
	}
	var chosen replay.Read
	for read, err := range reads {
		if err != nil {
			continue
		}
		if long := read.Info().Samples >= enough; long || chosen == nil {
			chosen = read
			if long {
				break
			}
		}
	}
	switch {
	case chosen == nil && f.read != "":
		return nil, nil, exit(exitInput, fmt.Errorf("no read %s in this file", f.read))
	case chosen == nil:
		return nil, nil, exit(exitInput, fmt.Errorf("the file holds no reads"))
	}
	samples, err := replay.Signal(chosen, nil)
	if err != nil {
		return nil, nil, exit(exitSkipped, err)
	}
	return chosen.Info(), samples, nil
}

// readPlot gathers what the segmenter says of a read.
type readPlot struct {
	read    *signal.Read
	samples []int16
	leader  uint64
	chunks  []signal.Chunk
}

// Chunk, Skip and End make readPlot a segment.Output.
func (p *readPlot) Chunk(c signal.Chunk, _ []int16) error {
	p.chunks = append(p.chunks, c)
	return nil
}

func (p *readPlot) Skip(_ *signal.Read, reason segment.Reason, samples uint64) {
	if reason == segment.Leader {
		p.leader += samples
	}
}

func (p *readPlot) End(*signal.Read, uint32, segment.Reason) {}

// shownSamples bounds what one picture can show: about 12 s at 5 kHz.
const shownSamples = 60_000

func (p *readPlot) save(path, model string) error {
	shown := p.samples[:min(len(p.samples), shownSamples)]
	rate := float64(max(p.read.Run.SampleRateHz, 1))
	title := []string{fmt.Sprintf("read %s   channel %d   %s", p.read.ID, p.read.Channel, p.read.EndReason), model}
	if len(shown) < len(p.samples) {
		title[1] += fmt.Sprintf("   (first %.0f of %.0f s)", float64(len(shown))/rate, float64(len(p.samples))/rate)
	}
	current := make([]float64, len(shown))
	low, high := math.Inf(1), math.Inf(-1)
	for i, adc := range shown {
		current[i] = float64(p.read.Calibration.PA(adc))
		low, high = min(low, current[i]), max(high, current[i])
	}
	// A spike must not flatten everything else.
	low, high = max(low, -20), min(high, 320)
	if !(low < high) {
		low, high = -20, 320 // nothing to see, or all of it out of range
	}
	// Room above the bands for the legend, on the right for the last chunk's end.
	pic, err := newChart(title, "time (s)", "current (pA)",
		span{0, float64(max(len(shown), 1)) / rate * 1.01}, span{low, high + 0.3*(high-low)})
	if err != nil {
		return err
	}
	first := onceEach()
	band := func(name string, start, end uint64, top float64, fill color.Color) {
		if end = min(end, uint64(len(shown))); start >= end {
			return
		}
		pic.band(span{float64(start) / rate, float64(end) / rate}, span{low, top}, fill)
		if name = first(name); name != "" {
			pic.legend(name, fill)
		}
	}
	band("leader", 0, p.leader, high, leaderColor)
	for i, c := range p.chunks {
		name, fill := "chunk", chunkColors[i%2]
		if c.Flags&signal.FlagTail != 0 {
			name, fill = "tail chunk, shifted left", tailColor
		}
		band(name, c.Start, c.Start+uint64(c.Samples), high, fill)
	}
	strip := low + (high-low)*0.04
	for _, s := range segment.Stalls(shown, segment.Spread(shown)) {
		band("stall", uint64(s.Start), uint64(s.End), strip, stallColor)
	}
	for _, s := range segment.OpenPores(shown, p.read.Calibration) {
		band("open pore", uint64(s.Start), uint64(s.End), strip, openColor)
	}
	pic.line(current, rate, traceColor)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pic.encode(file); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// onceEach gives a name the first time it is asked for, and then "".
func onceEach() func(string) string {
	seen := map[string]bool{}
	return func(name string) string {
		if seen[name] {
			return ""
		}
		seen[name] = true
		return name
	}
}
