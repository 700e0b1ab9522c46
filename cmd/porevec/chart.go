package main

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// chart is a picture with two axes, filled bands and a line. Libraries for
// plotting add 6 MB of fonts and formats to the program.
type chart struct {
	img        *image.RGBA
	area       image.Rectangle // between the axes
	face       font.Face
	x, y       span
	legendLine int
}

// span is the range of values along an axis.
type span struct{ from, to float64 }

const (
	chartWidth, chartHeight = 1344, 432
	lineHeight              = 17 // pixels
	tickLength              = 6
)

var inkColor = color.NRGBA{0x20, 0x20, 0x20, 0xff}

// newChart draws title and axes.
func newChart(title []string, xLabel, yLabel string, x, y span) (*chart, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 13, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	c := &chart{img: image.NewRGBA(image.Rect(0, 0, chartWidth, chartHeight)), face: face, x: x, y: y}
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	c.area = image.Rect(64, lineHeight*len(title)+10, chartWidth-16, chartHeight-44)
	for i, line := range title {
		c.text(line, chartWidth/2, (i+1)*lineHeight, 0.5)
	}
	c.rect(image.Rect(c.area.Min.X, c.area.Max.Y, c.area.Max.X, c.area.Max.Y+1), inkColor)
	for _, v := range ticks(x, 10) {
		at := int(c.px(v))
		c.rect(image.Rect(at, c.area.Max.Y, at+1, c.area.Max.Y+tickLength), inkColor)
		c.text(number(v), at, c.area.Max.Y+tickLength+14, 0.5)
	}
	c.text(xLabel, (c.area.Min.X+c.area.Max.X)/2, chartHeight-6, 0.5)
	c.rect(image.Rect(c.area.Min.X-1, c.area.Min.Y, c.area.Min.X, c.area.Max.Y+1), inkColor)
	for _, v := range ticks(y, 6) {
		at := int(c.py(v))
		c.rect(image.Rect(c.area.Min.X-1-tickLength, at, c.area.Min.X-1, at+1), inkColor)
		c.text(number(v), c.area.Min.X-tickLength-5, at+5, 1)
	}
	c.text(yLabel, 6, c.area.Min.Y-8, 0)
	return c, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// ticks gives at most n+1 round values of a span.
func ticks(s span, n int) []float64 {
	width := s.to - s.from
	if !(width > 0) || math.IsInf(width, 0) {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(width/float64(n))))
	step := 10 * power
	for _, f := range []float64{1, 2, 5} {
		if width/(f*power) <= float64(n) {
			step = f * power
			break
		}
	}
	var list []float64
	for i := math.Ceil(s.from / step); i*step <= s.to; i++ {
		list = append(list, i*step)
	}
	return list
}

func (c *chart) px(v float64) float64 {
	return float64(c.area.Min.X) + (v-c.x.from)/(c.x.to-c.x.from)*float64(c.area.Dx())
}

func (c *chart) py(v float64) float64 {
	return float64(c.area.Max.Y) - (v-c.y.from)/(c.y.to-c.y.from)*float64(c.area.Dy())
}

func (c *chart) rect(r image.Rectangle, fill color.Color) {
	draw.Draw(c.img, r, image.NewUniform(fill), image.Point{}, draw.Over)
}

// text writes a line; align 0 begins it at x, 1 ends it there.
func (c *chart) text(s string, x, baseline int, align float64) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(inkColor), Face: c.face}
	left := float64(x) - align*float64(d.MeasureString(s))/64
	d.Dot = fixed.P(int(left), baseline)
	d.DrawString(s)
}

// band fills a rectangle given in the values of the axes.
func (c *chart) band(x, y span, fill color.Color) {
	r := image.Rect(int(c.px(x.from)), int(c.py(y.to)), int(c.px(x.to)), int(c.py(y.from)))
	c.rect(r.Intersect(c.area), fill)
}

// legend adds a line at the top right.
func (c *chart) legend(name string, fill color.Color) {
	top := c.area.Min.Y + c.legendLine*lineHeight
	c.rect(image.Rect(c.area.Max.X-24, top+2, c.area.Max.X, top+lineHeight-2), fill)
	c.text(name, c.area.Max.X-30, top+lineHeight-4, 1)
	c.legendLine++
}

// line connects values at equal distances from the left of the x axis on. Every
// column of pixels shows the range that the line has in it.
func (c *chart) line(values []float64, perUnit float64, ink color.NRGBA) {
	low, high := make([]float64, chartWidth), make([]float64, chartWidth)
	for i := range low {
		low[i], high[i] = math.Inf(1), math.Inf(-1)
	}
	see := func(x, y float64) {
		if at := int(x); at >= c.area.Min.X && at < c.area.Max.X {
			low[at], high[at] = min(low[at], y), max(high[at], y)
		}
	}
	for i, v := range values {
		x, y := c.px(float64(i)/perUnit), c.py(v)
		see(x, y)
		if i == 0 {
			continue
		}
		// Between two values that are columns apart, and where columns meet.
		x0, y0 := c.px(float64(i-1)/perUnit), c.py(values[i-1])
		for edge := math.Floor(x0) + 1; edge <= x; edge++ {
			between := y0 + (y-y0)*(edge-x0)/(x-x0)
			see(edge-1, between)
			see(edge, between)
		}
	}
	for at := range low {
		if low[at] > high[at] {
			continue
		}
		top, bottom := max(low[at]-0.5, float64(c.area.Min.Y)), min(high[at]+0.5, float64(c.area.Max.Y))
		for y := int(top); float64(y) < bottom; y++ {
			covered := min(float64(y+1), bottom) - max(float64(y), top)
			shade := ink
			shade.A = uint8(covered * float64(ink.A))
			c.rect(image.Rect(at, y, at+1, y+1), shade)
		}
	}
}

func (c *chart) encode(w io.Writer) error { return png.Encode(w, c.img) }
