package reference

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// operator computes one node. Each supports what porevec's models use of it, for
// one chunk at a time, and refuses the rest.
type operator func(n onnx.Node, in []tensor) (tensor, error)

var operators = map[string]operator{
	"Cast":             castFloat,
	"Clip":             clip,
	"Concat":           concat,
	"Conv":             conv,
	"DequantizeLinear": dequantizeLinear,
	"Div":              div,
	"Gather":           gather,
	"Max":              maximum,
	"Mul":              mul,
	"QuantizeLinear":   quantizeLinear,
	"ReduceL2":         reduceL2,
	"ReduceMean":       reduceMean,
	"Relu":             relu,
	"Shape":            shapeOf,
	"Slice":            slice,
	"Squeeze":          squeeze,
	"Sub":              sub,
}

func castFloat(n onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 1 || in[0].dtype == onnx.Float32 || onnx.Type(n.Attributes["to"].Int) != onnx.Float32 {
		return tensor{}, errInputs
	}
	out := newFloats(in[0].shape...)
	for i, v := range in[0].ints {
		out.floats[i] = float32(v)
	}
	return out, nil
}

func sub(_ onnx.Node, in []tensor) (tensor, error) {
	return elementwise(in, func(x, y float32) float32 { return x - y }, nil)
}

func div(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) == 2 && in[1].dtype == onnx.Int64 {
		for _, d := range in[1].ints {
			if d == 0 {
				return tensor{}, errors.New("division by zero")
			}
		}
	}
	return elementwise(in, func(x, y float32) float32 { return x / y }, func(x, y int64) int64 { return x / y })
}

func mul(_ onnx.Node, in []tensor) (tensor, error) {
	return elementwise(in, nil, func(x, y int64) int64 { return x * y })
}

func maximum(_ onnx.Node, in []tensor) (tensor, error) {
	return elementwise(in, func(x, y float32) float32 { return max(x, y) }, nil)
}

// elementwise applies floats or ints to a tensor and one of its shape or of one
// element; nil for a type that the models do not use.
func elementwise(in []tensor, floats func(x, y float32) float32, ints func(x, y int64) int64) (tensor, error) {
	if len(in) != 2 || in[0].dtype != in[1].dtype {
		return tensor{}, errInputs
	}
	a, b := in[0], in[1]
	out := tensor{dtype: a.dtype, shape: a.shape}
	var err error
	switch {
	case a.dtype == onnx.Float32 && floats != nil:
		out.floats, err = broadcast(a.shape, a.floats, b.floats, floats)
	case a.dtype == onnx.Int64 && ints != nil:
		out.ints, err = broadcast(a.shape, a.ints, b.ints, ints)
	default:
		err = errInputs
	}
	return out, err
}

func clip(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 3 || in[0].dtype != onnx.Float32 || len(in[1].floats) != 1 || len(in[2].floats) != 1 {
		return tensor{}, errInputs
	}
	low, high := in[1].floats[0], in[2].floats[0]
	out := newFloats(in[0].shape...)
	for i, x := range in[0].floats {
		out.floats[i] = min(max(x, low), high)
	}
	return out, nil
}

func relu(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 1 || in[0].dtype != onnx.Float32 {
		return tensor{}, errInputs
	}
	out := newFloats(in[0].shape...)
	for i, x := range in[0].floats {
		out.floats[i] = max(x, 0)
	}
	return out, nil
}

// conv is a convolution along the last axis: data [1, channels, 1, length],
// weights [outputs, channels, 1, kernel], biases [outputs].
func conv(n onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 3 || floatMaps(in[:1], 1) != nil || in[1].dtype != onnx.Float32 || in[2].dtype != onnx.Float32 || len(in[1].shape) != 4 {
		return tensor{}, errInputs
	}
	data, weights, biases := in[0], in[1], in[2]
	channels, length := data.shape[1], data.shape[3]
	outputs, kernel := weights.shape[0], weights.shape[3]
	if weights.shape[1] != channels || weights.shape[2] != 1 || len(biases.floats) != outputs {
		return tensor{}, fmt.Errorf("weights %v for data %v", weights.shape, data.shape)
	}
	stride, dilation, padding, err := steps(n)
	if err != nil {
		return tensor{}, err
	}
	frames := (length+2*padding-dilation*(kernel-1)-1)/stride + 1
	if frames < 1 {
		return tensor{}, fmt.Errorf("no frame in %d samples", length)
	}
	out := newFloats(1, outputs, 1, frames)
	for o := range outputs {
		for t := range frames {
			sum := float64(biases.floats[o])
			for c := range channels {
				for k := range kernel {
					if at := t*stride - padding + k*dilation; at >= 0 && at < length {
						sum += float64(weights.floats[(o*channels+c)*kernel+k]) * float64(data.floats[c*length+at])
					}
				}
			}
			out.floats[o*frames+t] = float32(sum)
		}
	}
	return out, nil
}

// steps reads the attributes of a convolution, all [1, ·] because the height is 1.
func steps(n onnx.Node) (stride, dilation, padding int, err error) {
	pair := func(name string) int {
		a, ok := n.Attributes[name]
		switch {
		case !ok:
			return 1
		case len(a.Ints) == 2 && a.Ints[0] == 1 && a.Ints[1] >= 1 && a.Ints[1] < 1<<16:
			return int(a.Ints[1])
		}
		err = fmt.Errorf("%s %v are not supported", name, a.Ints)
		return 1
	}
	stride, dilation = pair("strides"), pair("dilations")
	if a, ok := n.Attributes["pads"]; ok {
		p := a.Ints
		if len(p) != 4 || p[0] != 0 || p[2] != 0 || p[1] != p[3] || p[1] < 0 || p[1] >= 1<<16 {
			return 0, 0, 0, fmt.Errorf("pads %v are not supported", p)
		}
		padding = int(p[1])
	}
	if group, ok := n.Attributes["group"]; ok && group.Int != 1 {
		return 0, 0, 0, fmt.Errorf("group %d is not supported", group.Int)
	}
	return stride, dilation, padding, err
}

// limits of the quantized types.
func limits(t onnx.Type) (low, high float64, err error) {
	switch t {
	case onnx.Uint8:
		return 0, math.MaxUint8, nil
	case onnx.Int8:
		return math.MinInt8, math.MaxInt8, nil
	}
	return 0, 0, fmt.Errorf("quantization to %v is not supported", t)
}

// quantizeLinear: q = saturate(roundHalfEven(x/scale) + zero), per tensor.
func quantizeLinear(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 3 || in[0].dtype != onnx.Float32 || len(in[1].floats) != 1 || len(in[2].ints) != 1 {
		return tensor{}, errInputs
	}
	low, high, err := limits(in[2].dtype)
	if err != nil {
		return tensor{}, err
	}
	scale, zero := in[1].floats[0], float64(in[2].ints[0])
	out := newInts(in[2].dtype, in[0].shape...)
	for i, x := range in[0].floats {
		q := math.RoundToEven(float64(x/scale)) + zero
		out.ints[i] = int64(min(max(q, low), high))
	}
	return out, nil
}

// dequantizeLinear: x = (q − zero)·scale, per tensor or per index of an axis.
func dequantizeLinear(n onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 3 || in[0].dtype == onnx.Float32 || in[1].dtype != onnx.Float32 || in[2].dtype != in[0].dtype || len(in[1].floats) != len(in[2].ints) {
		return tensor{}, errInputs
	}
	scales, zeros := in[1].floats, in[2].ints
	period := len(in[0].ints) // elements in a row that share a scale
	if len(scales) != 1 {
		axis := 1 // by the standard
		if a, ok := n.Attributes["axis"]; ok {
			axis = int(a.Int)
		}
		if axis < 0 || axis >= len(in[0].shape) || in[0].shape[axis] != len(scales) {
			return tensor{}, fmt.Errorf("%d scales for axis %d of %v", len(scales), axis, in[0].shape)
		}
		_, _, period = in[0].around(axis)
	}
	out := newFloats(in[0].shape...)
	for i, q := range in[0].ints {
		c := i / period % len(scales)
		out.floats[i] = float32(q-zeros[c]) * scales[c]
	}
	return out, nil
}

func shapeOf(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 1 {
		return tensor{}, errInputs
	}
	out := newInts(onnx.Int64, len(in[0].shape))
	for i, d := range in[0].shape {
		out.ints[i] = int64(d)
	}
	return out, nil
}

// gather picks elements of a list.
func gather(n onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 2 || n.Attributes["axis"].Int != 0 {
		return tensor{}, errInputs
	}
	list, err := in[0].intList()
	if err != nil {
		return tensor{}, err
	}
	indices, err := in[1].intList()
	if err != nil {
		return tensor{}, err
	}
	out := newInts(onnx.Int64, len(indices))
	for i, at := range indices {
		if at < 0 || at >= int64(len(list)) {
			return tensor{}, fmt.Errorf("no element %d in %v", at, list)
		}
		out.ints[i] = list[at]
	}
	return out, nil
}

// slice cuts one range of one axis.
func slice(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 4 {
		return tensor{}, errInputs
	}
	for _, t := range in[1:] {
		if list, err := t.intList(); err != nil || len(list) != 1 {
			return tensor{}, errInputs
		}
	}
	start, end, axis := int(in[1].ints[0]), int(in[2].ints[0]), int(in[3].ints[0])
	if axis < 0 || axis >= len(in[0].shape) || start < 0 || end < start || end > in[0].shape[axis] {
		return tensor{}, fmt.Errorf("no range %d to %d on axis %d of %v", start, end, axis, in[0].shape)
	}
	out := tensor{dtype: in[0].dtype, shape: slices.Clone(in[0].shape)}
	out.shape[axis] = end - start
	outer, length, inner := in[0].around(axis)
	for o := range outer {
		from, to := (o*length+start)*inner, (o*length+end)*inner
		if out.dtype == onnx.Float32 {
			out.floats = append(out.floats, in[0].floats[from:to]...)
		} else {
			out.ints = append(out.ints, in[0].ints[from:to]...)
		}
	}
	return out, nil
}

func reduceMean(n onnx.Node, in []tensor) (tensor, error) {
	return reduce(n, in, func(sum, _ float64, count int) float64 { return sum / float64(count) })
}

func reduceL2(n onnx.Node, in []tensor) (tensor, error) {
	return reduce(n, in, func(_, squares float64, _ int) float64 { return math.Sqrt(squares) })
}

// reduce replaces one axis of a feature map, named by the second input as from
// opset 18 on, by one value, which f makes of the sum, the sum of squares and
// the number of its elements.
func reduce(n onnx.Node, in []tensor, f func(sum, squares float64, count int) float64) (tensor, error) {
	if keep, ok := n.Attributes["keepdims"]; len(in) != 2 || floatMaps(in[:1], 1) != nil || ok && keep.Int != 1 {
		return tensor{}, errInputs
	}
	axes, err := in[1].intList()
	if err != nil || len(axes) != 1 || axes[0] < 0 || axes[0] > 3 {
		return tensor{}, errInputs
	}
	outer, length, inner := in[0].around(int(axes[0]))
	shape := slices.Clone(in[0].shape)
	shape[axes[0]] = 1
	out := newFloats(shape...)
	for o := range outer {
		for i := range inner {
			var sum, squares float64
			for k := range length {
				x := float64(in[0].floats[(o*length+k)*inner+i])
				sum += x
				squares += x * x
			}
			out.floats[o*inner+i] = float32(f(sum, squares, length))
		}
	}
	return out, nil
}

// concat joins feature maps of length 1 along their channels.
func concat(n onnx.Node, in []tensor) (tensor, error) {
	if len(in) == 0 || floatMaps(in, len(in)) != nil || n.Attributes["axis"].Int != 1 {
		return tensor{}, errInputs
	}
	var floats []float32
	for _, t := range in {
		if t.shape[3] != 1 {
			return tensor{}, errInputs
		}
		floats = append(floats, t.floats...)
	}
	return tensor{dtype: onnx.Float32, shape: []int{1, len(floats), 1, 1}, floats: floats}, nil
}

// squeeze drops the last two axes, both of length 1.
func squeeze(_ onnx.Node, in []tensor) (tensor, error) {
	if len(in) != 2 || floatMaps(in[:1], 1) != nil || in[0].shape[3] != 1 {
		return tensor{}, errInputs
	}
	if axes, err := in[1].intList(); err != nil || len(axes) != 2 || axes[0] != 2 || axes[1] != 3 {
		return tensor{}, errInputs
	}
	return tensor{dtype: onnx.Float32, shape: in[0].shape[:2], floats: in[0].floats}, nil
}
