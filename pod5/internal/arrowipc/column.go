package arrowipc

import (
	"encoding/binary"
	"math"
)

// Column gathers the rows of a column to write.
type Column struct {
	field    *Field
	rows     int
	nulls    int
	valid    []byte // bits
	data     []byte
	offsets  []int64
	children []*Column
}

// NewColumn makes an empty column. For a dictionary column it takes indices; the
// column for its values is NewColumn(f.Dictionary).
func NewColumn(f *Field) *Column {
	c := &Column{field: f}
	if f.Dictionary == nil {
		for _, child := range f.Children {
			c.children = append(c.children, NewColumn(child))
		}
	}
	c.Reset()
	return c
}

// Reset drops the rows and keeps the memory.
func (c *Column) Reset() {
	c.rows, c.nulls = 0, 0
	c.valid, c.data, c.offsets = c.valid[:0], c.data[:0], append(c.offsets[:0], 0)
	for _, child := range c.children {
		child.Reset()
	}
}

// Rows is the number of rows so far.
func (c *Column) Rows() int { return c.rows }

// Child is a column of a struct, or the elements of a list.
func (c *Column) Child(i int) *Column { return c.children[i] }

// row ends a row.
func (c *Column) row(valid bool) {
	c.valid = setBit(c.valid, c.rows, valid)
	c.rows++
	if !valid {
		c.nulls++
	}
}

// setBit sets bit i of a bitmap that has i bits.
func setBit(bits []byte, i int, v bool) []byte {
	if i%8 == 0 {
		bits = append(bits, 0)
	}
	if v {
		bits[i/8] |= 1 << (i % 8)
	}
	return bits
}

// Int adds a value to a column of integers, timestamps or dictionary indices.
func (c *Column) Int(v int64) {
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(v))
	c.data = append(c.data, word[:c.field.Width]...)
	c.row(true)
}

// Float adds a value to a column of floats.
func (c *Column) Float(v float64) {
	if c.field.Width == 4 {
		c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v)))
	} else {
		c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
	}
	c.row(true)
}

// Bool adds a value to a column of bools.
func (c *Column) Bool(v bool) {
	c.data = setBit(c.data, c.rows, v)
	c.row(true)
}

// Bytes adds a value to a column of text or bytes.
func (c *Column) Bytes(v []byte) {
	c.data = append(c.data, v...)
	c.offsets = append(c.offsets, int64(len(c.data)))
	c.row(true)
}

// Text adds a value to a column of text.
func (c *Column) Text(v string) {
	c.data = append(c.data, v...)
	c.offsets = append(c.offsets, int64(len(c.data)))
	c.row(true)
}

// Append adds a value to a column of bytes; add appends it to what it is given.
func (c *Column) Append(add func([]byte) []byte) {
	c.data = add(c.data)
	c.offsets = append(c.offsets, int64(len(c.data)))
	c.row(true)
}

// List ends a list or a map that holds the elements added to Child(0) since the
// list before.
func (c *Column) List() {
	c.offsets = append(c.offsets, int64(c.children[0].rows))
	c.row(true)
}

// Struct ends a struct whose children have been added.
func (c *Column) Struct() { c.row(true) }

// Null adds a value that is not there, to a column of integers or floats.
func (c *Column) Null() {
	c.data = append(c.data, make([]byte, c.field.Width)...)
	c.row(false)
}

// buffers lists the column's buffers in the order of the format.
func (c *Column) buffers() [][]byte {
	var valid []byte // without nulls there need not be a bitmap
	if c.nulls > 0 {
		valid = c.valid
	}
	switch c.field.Kind {
	case Utf8:
		return [][]byte{valid, c.encodeOffsets(4), c.data}
	case LargeBinary:
		return [][]byte{valid, c.encodeOffsets(8), c.data}
	case List, Map:
		return [][]byte{valid, c.encodeOffsets(4)}
	case LargeList:
		return [][]byte{valid, c.encodeOffsets(8)}
	case Struct:
		return [][]byte{valid}
	default:
		return [][]byte{valid, c.data}
	}
}

func (c *Column) encodeOffsets(width int) []byte {
	raw := make([]byte, 0, width*len(c.offsets))
	for _, o := range c.offsets {
		if width == 4 {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(o))
		} else {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(o))
		}
	}
	return raw
}
