package reference

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/embed/internal/onnx"
)

func TestQuantizeLinearRoundsHalvesToEvenAndSaturates(t *testing.T) {
	scale := tensor{dtype: onnx.Float32, floats: []float32{2}}
	zero := tensor{dtype: onnx.Uint8, ints: []int64{128}}
	x := tensor{dtype: onnx.Float32, shape: []int{7}, floats: []float32{1, 3, -1, -3, 1000, -1000, 0.99}}
	got, err := quantizeLinear(onnx.Node{}, []tensor{x, scale, zero})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int64{128, 130, 128, 126, 255, 0, 128}, got.ints); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDequantizeLinearPerChannel(t *testing.T) {
	q := tensor{dtype: onnx.Int8, shape: []int{2, 1, 1, 2}, ints: []int64{1, -2, 3, -4}}
	scale := tensor{dtype: onnx.Float32, shape: []int{2}, floats: []float32{0.5, 10}}
	zero := tensor{dtype: onnx.Int8, shape: []int{2}, ints: []int64{0, 1}}
	got, err := dequantizeLinear(onnx.Node{Attributes: map[string]onnx.Attribute{"axis": {Int: 0}}}, []tensor{q, scale, zero})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{0.5, -1, 20, -50}, got.floats); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Two channels, kernel 2, stride 2, dilation 2, one sample of padding: worked out
// by hand.
func TestConv(t *testing.T) {
	data := tensor{dtype: onnx.Float32, shape: []int{1, 2, 1, 4}, floats: []float32{1, 2, 3, 4, 10, 20, 30, 40}}
	weights := tensor{dtype: onnx.Float32, shape: []int{1, 2, 1, 2}, floats: []float32{1, -1, 0.5, 2}}
	biases := tensor{dtype: onnx.Float32, shape: []int{1}, floats: []float32{100}}
	n := onnx.Node{Attributes: map[string]onnx.Attribute{
		"strides": {Ints: []int64{1, 2}}, "dilations": {Ints: []int64{1, 2}}, "pads": {Ints: []int64{0, 1, 0, 1}},
	}}
	got, err := conv(n, []tensor{data, weights, biases})
	if err != nil {
		t.Fatal(err)
	}
	// Frame 0 reads samples −1 (padding) and 1, frame 1 samples 1 and 3.
	want := []float32{100 - 2 + 40, 100 + 2 - 4 + 10 + 80}
	if d := cmp.Diff(want, got.floats); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	n.Attributes["group"] = onnx.Attribute{Int: 2}
	if _, err := conv(n, []tensor{data, weights, biases}); err == nil {
		t.Error("a grouped convolution passed")
	}
}
