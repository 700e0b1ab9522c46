package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is an element type, numbered as in the ONNX format.
type Type int32

// The types that occur in our models.
const (
	Float32 Type = 1
	Uint8   Type = 2
	Int8    Type = 3
	Int16   Type = 5
	Int32   Type = 6
	Int64   Type = 7
)

// String is the type's name.
func (t Type) String() string {
	switch t {
	case Float32:
		return "float32"
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int16:
		return "int16"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	default:
		return fmt.Sprintf("type %d", int32(t))
	}
}

// size of an element in bytes; 0 for a type that is not read here.
func (t Type) size() int {
	switch t {
	case Uint8, Int8:
		return 1
	case Int16:
		return 2
	case Float32, Int32:
		return 4
	case Int64:
		return 8
	default:
		return 0
	}
}

// Tensor is a constant of the graph: Raw holds its elements in row-major order,
// little-endian.
type Tensor struct {
	Name string
	Type Type
	Dims []int64
	Raw  []byte
}

// Len is the number of elements, or an error where the bytes do not fit the
// shape. Elements outside of raw_data (other fields, other files) count as
// missing: exporters for inference write raw_data.
func (t Tensor) Len() (int, error) {
	size := t.Type.size()
	if size == 0 {
		return 0, fmt.Errorf("constant %q: elements of %v are not supported", t.Name, t.Type)
	}
	if len(t.Raw)%size != 0 {
		return 0, fmt.Errorf("constant %q: %d bytes are no whole number of %v elements", t.Name, len(t.Raw), t.Type)
	}
	have, want := len(t.Raw)/size, int64(1)
	for _, d := range t.Dims {
		if d < 0 || d > 0 && want > math.MaxInt64/d {
			return 0, fmt.Errorf("constant %q: impossible shape %v", t.Name, t.Dims)
		}
		want *= d
	}
	if int64(have) != want {
		return 0, fmt.Errorf("constant %q: %d elements for the shape %v", t.Name, have, t.Dims)
	}
	return have, nil
}

// Floats are the elements of a float32 tensor.
func (t Tensor) Floats() ([]float32, error) {
	n, err := t.Len()
	if err != nil {
		return nil, err
	}
	if t.Type != Float32 {
		return nil, fmt.Errorf("constant %q: %v where float32 is expected", t.Name, t.Type)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*i:]))
	}
	return out, nil
}

// Ints are the elements of a tensor of any integer type.
func (t Tensor) Ints() ([]int64, error) {
	n, err := t.Len()
	if err != nil {
		return nil, err
	}
	if t.Type == Float32 {
		return nil, fmt.Errorf("constant %q: float32 where an integer type is expected", t.Name)
	}
	out := make([]int64, n)
	for i := range out {
		switch t.Type {
		case Uint8:
			out[i] = int64(t.Raw[i])
		case Int8:
			out[i] = int64(int8(t.Raw[i]))
		case Int16:
			out[i] = int64(int16(binary.LittleEndian.Uint16(t.Raw[2*i:])))
		case Int32:
			out[i] = int64(int32(binary.LittleEndian.Uint32(t.Raw[4*i:])))
		case Int64:
			out[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
		}
	}
	return out, nil
}
