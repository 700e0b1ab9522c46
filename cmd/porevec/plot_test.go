package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestInspectPlot(t *testing.T) {
	dir := simulatedRun(t, 10)
	path := filepath.Join(dir, "read.png")
	runProgram(t, "inspect", "--plot", path, filepath.Join(dir, "a.pod5")).want(t, 0)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			seen[color.NRGBAModel.Convert(img.At(x, y))]++
		}
	}
	for name, c := range map[string]color.NRGBA{"leader": leaderColor, "chunks": chunkColors[0], "others": chunkColors[1], "trace": traceColor} {
		if n := seen[onWhite(c)]; n < 1000 {
			t.Errorf("%s: %d pixels", name, n)
		}
	}
	runProgram(t, "inspect", "--plot", filepath.Join(dir, "read.svg"), filepath.Join(dir, "a.pod5")).want(t, exitUsage)
	runProgram(t, "inspect", "--plot", path, "--read", "00000000-0000-0000-0000-000000000001", filepath.Join(dir, "a.pod5")).want(t, exitInput)
}

// onWhite is a color as it looks on white.
func onWhite(c color.NRGBA) color.Color {
	dot := &chart{img: image.NewRGBA(image.Rect(0, 0, 1, 1))}
	dot.rect(dot.img.Bounds(), color.White)
	dot.rect(dot.img.Bounds(), c)
	return color.NRGBAModel.Convert(dot.img.At(0, 0))
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		span span
		n    int
		want []float64
	}{
		{span{0, 4.5}, 10, []float64{0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5}},
		{span{52, 203}, 6, []float64{100, 150, 200}},
		{span{-20, 320}, 6, []float64{0, 100, 200, 300}},
		{span{3, 3}, 6, nil},
	} {
		if got := ticks(c.span, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.span, got, c.want)
		}
	}
}

// A line of few values is drawn between them too, and stays between the axes.
func TestChartLine(t *testing.T) {
	c, err := newChart([]string{"title"}, "x", "y", span{0, 2}, span{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(c.img.Pix)
	c.line([]float64{0, 0.9, -50}, 1, traceColor)
	for x := c.area.Min.X; x < (c.area.Min.X+c.area.Max.X)/2; x++ {
		y := int(c.py(0.9 * (float64(x) + 0.5 - float64(c.area.Min.X)) / float64(c.area.Dx()) * 2))
		if got := color.NRGBAModel.Convert(c.img.At(x, y)); got == color.NRGBAModel.Convert(color.White) {
			t.Fatalf("nothing is drawn at %d, %d", x, y)
		}
	}
	for y := c.area.Max.Y; y < chartHeight; y++ {
		for x := range chartWidth {
			if i := c.img.PixOffset(x, y); !slices.Equal(before[i:i+4], c.img.Pix[i:i+4]) {
				t.Fatalf("drawn outside at %d, %d", x, y)
			}
		}
	}
}
