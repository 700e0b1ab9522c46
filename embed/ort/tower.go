package ort

import (
	"errors"
	"fmt"

	onnx "github.com/yalue/onnxruntime_go"

	"github.com/porevec/porevec/embed"
)

// Tower runs a reference tower. Embed is safe for concurrent use; a call computes
// on the goroutine's own thread.
type Tower struct {
	tower      embed.Tower
	halves     embed.Halves
	stem, head *onnx.DynamicAdvancedSession
}

// NewTower opens a reference tower. It calls [Init].
func NewTower(tower embed.Tower) (*Tower, error) {
	halves, err := tower.Split()
	if err != nil {
		return nil, fatal("open model", err)
	}
	t := &Tower{tower: tower, halves: halves}
	if t.stem, err = newSession(tower.ID, halves.Stem, halves.Frames, "bases"); err != nil {
		return nil, err
	}
	if t.head, err = newSession(tower.ID, halves.Head, "embedding", halves.Pooled); err != nil {
		return nil, errors.Join(err, t.stem.Destroy())
	}
	return t, nil
}

// Tower is the tower that was opened.
func (t *Tower) Tower() embed.Tower { return t.tower }

// Embed writes the vectors of windows of a stretch of sequence into out,
// len(windows)·Dim values. shares holds, for each base of the stretch, the share of
// A, then for each that of C, of G and of T. Bases outside of the windows are seen as
// their surroundings.
func (t *Tower) Embed(shares []float32, windows []embed.Span, out []float32) error {
	length := len(shares) / 4
	if len(windows) == 0 || len(shares) != 4*length || len(out) != len(windows)*t.tower.Dim {
		return fatal("embed bases", fmt.Errorf("%d values in, %d out, for %d windows", len(shares), len(out), len(windows)))
	}
	for _, w := range windows {
		if w.Start < 0 || w.Length < t.halves.Segments*t.halves.Stride || w.Start+w.Length > length {
			return fatal("embed bases", fmt.Errorf("a window of %d bases from base %d of %d", w.Length, w.Start, length))
		}
	}
	frames := make([]float32, t.halves.Channels*ceil(length, t.halves.Stride))
	if err := run(t.stem, shares, []int64{1, 4, 1, int64(length)},
		frames, []int64{1, int64(t.halves.Channels), 1, int64(len(frames) / t.halves.Channels)}); err != nil {
		return fatal(fmt.Sprintf("embed %d bases", length), err)
	}
	pooled := t.pool(frames, windows)
	n := int64(len(windows))
	if err := run(t.head, pooled, []int64{n, int64(len(pooled)) / n, 1, 1}, out, []int64{n, int64(t.tower.Dim)}); err != nil {
		return fatal(fmt.Sprintf("embed %d windows", n), err)
	}
	return nil
}

// lanes is how many channels pool sums together: their sums fit into the cache, and
// lie side by side.
const lanes = 16

// pool gives the means of each window's segments.
func (t *Tower) pool(frames []float32, windows []embed.Span) []float32 {
	h := &t.halves
	all := len(frames) / h.Channels
	pooled := make([]float32, len(windows)*h.Segments*h.Channels)
	before := make([][lanes]float64, all+1) // sums of the frames before each
	for channel := 0; channel < h.Channels; channel += lanes {
		count := min(lanes, h.Channels-channel)
		for lane := range count {
			sum := 0.0
			for i, v := range frames[(channel+lane)*all:][:all] {
				sum += float64(v)
				before[i+1][lane] = sum
			}
		}
		for i, w := range windows {
			length := ceil(w.Length, h.Stride)
			first := min(w.Start/h.Stride, all-length)
			for segment := range h.Segments {
				from, to := first+length*segment/h.Segments, first+length*(segment+1)/h.Segments
				scale := 1 / float64(to-from)
				mean := pooled[(i*h.Segments+segment)*h.Channels+channel:][:count]
				for lane := range mean {
					mean[lane] = float32((before[to][lane] - before[from][lane]) * scale)
				}
			}
		}
	}
	return pooled
}

func ceil(n, by int) int { return (n + by - 1) / by }

// run computes one output from one input.
func run(session *onnx.DynamicAdvancedSession, in []float32, inShape []int64, out []float32, outShape []int64) error {
	var bound binding
	defer bound.release()
	from, to := bind(&bound, in, inShape...), bind(&bound, out, outShape...)
	if bound.err != nil {
		return bound.err
	}
	return session.Run([]onnx.Value{from}, []onnx.Value{to})
}

// Close frees the sessions. No call of Embed may be under way.
func (t *Tower) Close() error { return errors.Join(t.stem.Destroy(), t.head.Destroy()) }
