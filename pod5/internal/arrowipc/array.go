package arrowipc

import (
	"encoding/binary"
	"math"
)

// Array holds loaded rows of a column. Its rows count from 0; asking for others
// is a mistake of the caller.
type Array struct {
	field    *Field
	length   int
	valid    bitmap // empty: no nulls
	bools    bitmap
	data     []byte
	offsets  []int64
	children []*Array
}

// bitmap is bits from bit first on.
type bitmap struct {
	raw   []byte
	first int
}

func (m bitmap) get(i int) bool {
	i += m.first
	return m.raw[i/8]>>(i%8)&1 != 0
}

// Len is the number of rows.
func (a *Array) Len() int { return a.length }

// Null says whether row i has no value.
func (a *Array) Null(i int) bool { return a.valid.raw != nil && !a.valid.get(i) }

// Int reads an integer or a timestamp, sign-extended.
func (a *Array) Int(i int) int64 {
	w := a.field.Width
	var word [8]byte
	copy(word[:], a.data[i*w:(i+1)*w])
	v := binary.LittleEndian.Uint64(word[:])
	if a.field.Signed {
		shift := 64 - 8*w
		return int64(v<<shift) >> shift
	}
	return int64(v)
}

// Float reads a float of any width, in double precision.
func (a *Array) Float(i int) float64 {
	switch a.field.Width {
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(a.data[4*i:])))
	case 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(a.data[8*i:]))
	default:
		return math.NaN() // half precision: nobody writes it
	}
}

// Bool reads a bool.
func (a *Array) Bool(i int) bool { return a.bools.get(i) }

// Bytes reads text or bytes.
func (a *Array) Bytes(i int) []byte {
	if a.field.Kind == FixedBinary {
		return a.data[i*a.field.Width : (i+1)*a.field.Width]
	}
	base := a.offsets[0]
	return a.data[a.offsets[i]-base : a.offsets[i+1]-base]
}

// List gives the rows [from, to) of Values that make up the list in row i.
func (a *Array) List(i int) (from, to int) {
	base := a.offsets[0]
	return int(a.offsets[i] - base), int(a.offsets[i+1] - base)
}

// Values are the elements of a list or the entries of a map; nil when they could
// not be loaded.
func (a *Array) Values() *Array { return a.children[0] }

// Child finds the child of a struct by name; nil when there is none that could
// be loaded, or a itself is nil.
func (a *Array) Child(name string) *Array {
	if a == nil {
		return nil
	}
	for _, c := range a.children {
		if c != nil && c.field.Name == name {
			return c
		}
	}
	return nil
}

// Field describes the array.
func (a *Array) Field() *Field { return a.field }
