package main

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/pod5"
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
	file, err := pod5.Open(path)
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
	block := signal.NewBlock(&read.Read, 0, samples, nil)
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
func (f *inspectFlags) pick(file *pod5.File) (*pod5.Read, []int16, error) {
	const enough = 12_000
	var first, chosen *pod5.Read
	for read, err := range file.Reads() {
		if err != nil {
			continue
		}
		if first == nil {
			first = read
		}
		if f.read == "" && read.Samples >= enough || strings.EqualFold(f.read, read.ID.String()) {
			chosen = read
			break
		}
	}
	switch {
	case chosen == nil && f.read != "":
		return nil, nil, exit(exitInput, fmt.Errorf("no read %s in this file", f.read))
	case chosen == nil && first == nil:
		return nil, nil, exit(exitInput, fmt.Errorf("the file holds no reads"))
	case chosen == nil:
		chosen = first
	}
	samples, err := file.Signal(chosen, nil)
	if err != nil {
		return nil, nil, exit(exitSkipped, err)
	}
	return chosen, samples, nil
}

// readPlot gathers what the segmenter says of a read.
type readPlot struct {
	read    *pod5.Read
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
	pl := plot.New()
	title := fmt.Sprintf("read %s   channel %d   %s\n%s", p.read.ID, p.read.Channel, p.read.EndReason, model)
	if len(shown) < len(p.samples) {
		title += fmt.Sprintf("   (first %.0f of %.0f s)", float64(len(shown))/rate, float64(len(p.samples))/rate)
	}
	pl.Title.Text = title
	pl.X.Label.Text = "time (s)"
	pl.Y.Label.Text = "current (pA)"
	pl.Legend.Top = true
	pl.Legend.Left = false

	points := make(plotter.XYs, len(shown))
	low, high := math.Inf(1), math.Inf(-1)
	for i, adc := range shown {
		pa := float64(p.read.Calibration.PA(adc))
		points[i] = plotter.XY{X: float64(i) / rate, Y: pa}
		low, high = min(low, pa), max(high, pa)
	}
	// A spike must not flatten everything else.
	low, high = max(low, -20), min(high, 320)
	band := func(name string, start, end uint64, bottom, top float64, c color.Color) error {
		if end = min(end, uint64(len(shown))); start >= end {
			return nil
		}
		a, b := float64(start)/rate, float64(end)/rate
		box, err := plotter.NewPolygon(plotter.XYs{{X: a, Y: bottom}, {X: b, Y: bottom}, {X: b, Y: top}, {X: a, Y: top}})
		if err != nil {
			return err
		}
		box.Color = c
		box.LineStyle.Width = 0
		pl.Add(box)
		if name != "" {
			pl.Legend.Add(name, box)
		}
		return nil
	}
	legend := onceEach()
	if err := band(legend("leader"), 0, p.leader, low, high, leaderColor); err != nil {
		return err
	}
	for i, c := range p.chunks {
		name, fill := "chunk", chunkColors[i%2]
		if c.Flags&signal.FlagTail != 0 {
			name, fill = "tail chunk, shifted left", tailColor
		}
		if err := band(legend(name), c.Start, c.Start+uint64(c.Samples), low, high, fill); err != nil {
			return err
		}
	}
	strip := low + (high-low)*0.04
	for _, s := range segment.Stalls(shown, segment.Spread(shown)) {
		if err := band(legend("stall"), uint64(s.Start), uint64(s.End), low, strip, stallColor); err != nil {
			return err
		}
	}
	for _, s := range segment.OpenPores(shown, p.read.Calibration) {
		if err := band(legend("open pore"), uint64(s.Start), uint64(s.End), low, strip, openColor); err != nil {
			return err
		}
	}
	trace, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	trace.Color, trace.Width = traceColor, vg.Points(0.4)
	pl.Add(trace)
	// Room above the bands for the legend.
	pl.Y.Min, pl.Y.Max = low, high+0.16*(high-low)
	pl.X.Min, pl.X.Max = 0, float64(len(shown))/rate*1.01
	return pl.Save(14*vg.Inch, 4.5*vg.Inch, path)
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
