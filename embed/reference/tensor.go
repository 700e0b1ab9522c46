package reference

import (
	"errors"
	"fmt"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// tensor holds its elements in row-major order: in floats for float32, in ints for
// every integer type.
type tensor struct {
	dtype  onnx.Type
	shape  []int
	floats []float32
	ints   []int64
}

func newFloats(shape ...int) tensor {
	return tensor{dtype: onnx.Float32, shape: shape, floats: make([]float32, product(shape))}
}

func newInts(dtype onnx.Type, shape ...int) tensor {
	return tensor{dtype: dtype, shape: shape, ints: make([]int64, product(shape))}
}

func constant(c onnx.Tensor) (tensor, error) {
	t := tensor{dtype: c.Type}
	for _, d := range c.Dims {
		t.shape = append(t.shape, int(d))
	}
	var err error
	if c.Type == onnx.Float32 {
		t.floats, err = c.Floats()
	} else {
		t.ints, err = c.Ints()
	}
	return t, err
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// around splits a shape at an axis: elements before, along and after it.
func (t tensor) around(axis int) (outer, length, inner int) {
	return product(t.shape[:axis]), t.shape[axis], product(t.shape[axis+1:])
}

var errInputs = errors.New("inputs of another number, type or rank than porevec's models have")

// floatMaps checks for n inputs, the first of which are feature maps
// [1, channels, 1, length].
func floatMaps(in []tensor, n int) error {
	if len(in) != n {
		return errInputs
	}
	for _, t := range in {
		if t.dtype != onnx.Float32 || len(t.shape) != 4 || t.shape[0] != 1 || t.shape[2] != 1 {
			return errInputs
		}
	}
	return nil
}

// intList checks for a list of integers.
func (t tensor) intList() ([]int64, error) {
	if t.dtype != onnx.Int64 || len(t.shape) != 1 {
		return nil, errInputs
	}
	return t.ints, nil
}

// broadcast applies f to the elements of a and of b, which has a's shape or one
// element.
func broadcast[T any](shapeA []int, a, b []T, f func(x, y T) T) ([]T, error) {
	if len(b) != len(a) && len(b) != 1 {
		return nil, fmt.Errorf("%d elements do not spread over the shape %v", len(b), shapeA)
	}
	out := make([]T, len(a))
	for i, x := range a {
		y := b[0]
		if len(b) > 1 {
			y = b[i]
		}
		out[i] = f(x, y)
	}
	return out, nil
}
