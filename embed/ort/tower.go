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

// Embed writes the vectors of windows of span bases each, which begin at the given
// places of a stretch of sequence, into out, len(starts)·Dim values. shares holds,
// for each base of the stretch, the share of A, then for each that of C, of G and of
// T. Bases outside of the windows are seen as their surroundings.
func (t *Tower) Embed(shares []float32, starts []int, span int, out []float32) error {
	length := len(shares) / 4
	if len(starts) == 0 || span < t.halves.Segments*t.halves.Stride || len(shares) != 4*length || len(out) != len(starts)*t.tower.Dim {
		return fatal("embed bases", fmt.Errorf("%d values in, %d out, for %d windows of %d bases", len(shares), len(out), len(starts), span))
	}
	for _, start := range starts {
		if start < 0 || start+span > length {
			return fatal("embed bases", fmt.Errorf("a window from base %d to %d of %d", start, start+span, length))
		}
	}
	frames := make([]float32, t.halves.Channels*ceil(length, t.halves.Stride))
	if err := run(t.stem, shares, []int64{1, 4, 1, int64(length)},
		frames, []int64{1, int64(t.halves.Channels), 1, int64(len(frames) / t.halves.Channels)}); err != nil {
		return fatal(fmt.Sprintf("embed %d bases", length), err)
	}
	pooled := t.pool(frames, starts, span)
	n := int64(len(starts))
	if err := run(t.head, pooled, []int64{n, int64(len(pooled)) / n, 1, 1}, out, []int64{n, int64(t.tower.Dim)}); err != nil {
		return fatal(fmt.Sprintf("embed %d windows", n), err)
	}
	return nil
}

// pool gives the means of each window's segments.
func (t *Tower) pool(frames []float32, starts []int, span int) []float32 {
	h := &t.halves
	count := ceil(span, h.Stride) // frames of a window
	all := len(frames) / h.Channels
	pooled := make([]float32, len(starts)*h.Segments*h.Channels)
	before := make([]float64, all+1) // sums of a channel's frames, before each
	for channel := range h.Channels {
		for i, v := range frames[channel*all:][:all] {
			before[i+1] = before[i] + float64(v)
		}
		for w, start := range starts {
			first := min(start/h.Stride, all-count)
			for segment := range h.Segments {
				from, to := first+count*segment/h.Segments, first+count*(segment+1)/h.Segments
				pooled[(w*h.Segments+segment)*h.Channels+channel] = float32((before[to] - before[from]) / float64(to-from))
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
