package embed

import (
	"errors"
	"fmt"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// Halves are the two parts of a reference tower. The stem computes frames, each
// from the bases around it; a window's frames are averaged over equal segments; the
// head makes a vector of the means. Windows that overlap share frames, so a
// sequence is embedded faster by both parts than window by window.
//
// The frames at a window's ends then know the bases beyond it, where the whole tower
// sees nothing. docs/search.md tells that this changes vectors by a cosine of 0.997
// and finds as many reads.
type Halves struct {
	Stem, Head []byte // ONNX files
	// Frames is the stem's output, float32 [1, Channels, 1, frames], Pooled the
	// head's input, float32 [n, Segments·Channels, 1, 1], segment after segment.
	Frames, Pooled     string
	Channels, Segments int
	// Stride is how many bases a frame takes. A stretch of n bases has
	// ceil(n / Stride) frames.
	Stride int
}

// Split finds the two parts in the graph.
func (t *Tower) Split() (Halves, error) {
	h, err := t.split()
	if err != nil {
		return h, fmt.Errorf("reference tower of %s: %w", t.ID, err)
	}
	return h, nil
}

func (t *Tower) split() (Halves, error) {
	parsed, err := onnx.Parse(t.File)
	if err != nil {
		return Halves{}, err
	}
	h := Halves{Stride: 1}
	madeBy := make(map[string]*onnx.Node)
	for i := range parsed.Graph.Nodes {
		n := &parsed.Graph.Nodes[i]
		for _, name := range n.Outputs {
			madeBy[name] = n
		}
		if n.Op == "Concat" {
			h.Pooled, h.Segments = n.Outputs[0], len(n.Inputs)
		}
	}
	// Behind the joined means lie, for each, the mean and the slice of the frames.
	join := madeBy[h.Pooled]
	if join == nil || len(join.Inputs) == 0 {
		return h, errors.New("no segments are joined in its graph")
	}
	mean := madeBy[join.Inputs[0]]
	if mean == nil || mean.Op != "ReduceMean" || madeBy[mean.Inputs[0]] == nil || madeBy[mean.Inputs[0]].Op != "Slice" {
		return h, errors.New("its segments are no means of slices")
	}
	h.Frames = madeBy[mean.Inputs[0]].Inputs[0]
	for n := madeBy[h.Frames]; n != nil; n = madeBy[n.Inputs[0]] {
		if n.Op != "Conv" {
			continue
		}
		if strides := n.Attributes["strides"].Ints; len(strides) == 2 && strides[1] > 0 {
			h.Stride *= int(strides[1])
		}
		if h.Channels == 0 {
			h.Channels = int(parsed.Graph.Constants[n.Inputs[1]].Dims[0])
		}
	}
	if h.Channels < 1 || h.Channels > maxCount/h.Segments {
		return h, errors.New("its frames come from no convolution")
	}
	frames := onnx.Value{Name: h.Frames, Type: onnx.Float32, Dims: []int64{-1, int64(h.Channels), 1, -1}}
	pooled := onnx.Value{Name: h.Pooled, Type: onnx.Float32, Dims: []int64{-1, int64(h.Channels * h.Segments), 1, 1}}
	stem, err := onnx.Cut(t.File, parsed.Graph.Inputs, []onnx.Value{frames})
	if err != nil {
		return h, err
	}
	head, err := onnx.Cut(t.File, []onnx.Value{pooled}, parsed.Graph.Outputs)
	h.Stem, h.Head = stem, head
	return h, err
}
