package embed

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// Limits of [Check].
const (
	// MinGoldenCosine: ONNX Runtime's integer kernels give the same bits on every
	// CPU, its float32 ones (head and pooling) differ in the last digits, and a
	// rounding that this tips over moves a quantized value by one step. All of this
	// stays above 0.99999; a kernel that saturates or mixes up channels falls far
	// below.
	MinGoldenCosine = 0.9999
	// MaxWeightPair: AVX2 without VNNI adds two products of a uint8 activation
	// and an int8 weight in 16 bits, 255·128 = 32640 ≤ 32767.
	MaxWeightPair = 128
)

// Report is what [Check] measured.
type Report struct {
	// WeightPair is the largest sum of two absolute int8 weights of one output
	// channel; 0 in a float32 model.
	WeightPair int
	Goldens    int     // chunks compared; 0 for a model that brings none
	MinCosine  float64 // to the golden vectors, the worst chunk; 1 without any
	MaxDiff    float64 // largest absolute difference of a dimension
}

// Check verifies on this computer that an encoder gives what its model was
// released with: no int8 product can saturate, and the golden chunks get their
// vectors. The error names the first thing that is wrong; the report holds what
// was measured until then.
func Check(ctx context.Context, e Encoder) (Report, error) {
	model := e.Model()
	r := Report{MinCosine: 1}
	var err error
	if r.WeightPair, err = weightPair(model.File); err != nil {
		return r, fmt.Errorf("%s: %w", model.ID, err)
	}
	if r.WeightPair > MaxWeightPair {
		return r, fmt.Errorf("%s: two int8 weights of a channel sum to %d: above %d sums saturate on some CPUs; quantize to 7 bits",
			model.ID, r.WeightPair, MaxWeightPair)
	}
	goldens, err := Goldens(model.ID)
	if err != nil {
		return r, err
	}
	for i, g := range goldens {
		want := g.Want
		if !model.Quantized() {
			want = g.WantFP32
		}
		got := make([]float32, model.Dim)
		if len(want) != len(got) {
			return r, fmt.Errorf("%s: golden chunk %d has %d dimensions, the model %d", model.ID, i, len(want), len(got))
		}
		if err := e.Encode(ctx, g.Batch(), got); err != nil {
			return r, err
		}
		cosine, diff := compare(got, want)
		r.Goldens++
		r.MinCosine, r.MaxDiff = min(r.MinCosine, cosine), max(r.MaxDiff, diff)
		if !(cosine >= MinGoldenCosine) {
			return r, fmt.Errorf("%s: golden chunk %d: cosine %.6f to the released vector, at least %v is right", model.ID, i, cosine, MinGoldenCosine)
		}
	}
	return r, nil
}

// weightPair is the largest |w0| + |w1| over any two weights of one output
// channel in the graph's int8 convolutions. Which weights a kernel really adds up
// depends on how it packs them; any two is the safe bound.
func weightPair(file []byte) (int, error) {
	parsed, err := onnx.Parse(file)
	if err != nil {
		return 0, err
	}
	// Weights reach a Conv through a DequantizeLinear of a constant.
	constant := make(map[string]onnx.Tensor)
	for _, n := range parsed.Graph.Nodes {
		if n.Op == "DequantizeLinear" && len(n.Inputs) > 0 && len(n.Outputs) > 0 {
			if c, ok := parsed.Graph.Constants[n.Inputs[0]]; ok {
				constant[n.Outputs[0]] = c
			}
		}
	}
	most := 0
	for _, n := range parsed.Graph.Nodes {
		if n.Op != "Conv" || len(n.Inputs) < 2 {
			continue
		}
		c, ok := constant[n.Inputs[1]]
		if !ok || c.Type != onnx.Int8 {
			continue
		}
		weights, err := c.Ints()
		if err != nil {
			return 0, err
		}
		if len(c.Dims) == 0 || len(weights) == 0 {
			return 0, fmt.Errorf("constant %q: no weights of a convolution in shape %v", c.Name, c.Dims)
		}
		for channel := range slices.Chunk(weights, len(weights)/int(c.Dims[0])) {
			first, second := 0, 0
			for _, w := range channel {
				switch w := int(max(w, -w)); {
				case w > first:
					first, second = w, first
				case w > second:
					second = w
				}
			}
			most = max(most, first+second)
		}
	}
	return most, nil
}

// compare gives the cosine and the largest absolute difference of two vectors.
func compare(a, b []float32) (cosine, diff float64) {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		diff = max(diff, math.Abs(x-y))
	}
	return ab / math.Sqrt(aa*bb), diff
}
