package arrowipc

import (
	"encoding/binary"
	"fmt"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
)

// Batch is the header of a record batch: where each column lies.
type Batch struct {
	Rows    int64
	file    *File
	nodes   []node
	buffers []buffer
}

// node tells length and nulls of one array.
type node struct{ length, nulls int64 }

// buffer is a range of the table.
type buffer struct{ offset, length int64 }

// batch reads a RecordBatch table.
func (f *File) batch(t flatbuf.Table, b block) (*Batch, error) {
	batch := &Batch{Rows: t.Int64(0), file: f}
	nodes, buffers := t.Vector(1, 16), t.Vector(2, 16)
	if t.Has(3) {
		return nil, fmt.Errorf("%w: compressed record batch", ErrUnsupported)
	}
	if batch.Rows < 0 || nodes.Len() > 2*maxFields || buffers.Len() > 4*maxFields {
		return nil, fmt.Errorf("%w: batch of %d rows, %d nodes, %d buffers", ErrCorrupt, batch.Rows, nodes.Len(), buffers.Len())
	}
	for i := range nodes.Len() {
		raw := nodes.Struct(i)
		batch.nodes = append(batch.nodes, node{
			length: int64(binary.LittleEndian.Uint64(raw)), nulls: int64(binary.LittleEndian.Uint64(raw[8:])),
		})
	}
	// Writers never let buffers overlap. Holding files to it bounds what loading
	// a batch can take by the batch's own length.
	left := b.body
	for i := range buffers.Len() {
		raw := buffers.Struct(i)
		offset, length := int64(binary.LittleEndian.Uint64(raw)), int64(binary.LittleEndian.Uint64(raw[8:]))
		if offset < 0 || length < 0 || length > left || offset > b.body-length {
			return nil, fmt.Errorf("%w: buffer %d lies outside of its batch", ErrCorrupt, i)
		}
		left -= length
		batch.buffers = append(batch.buffers, buffer{b.offset + b.metadata + offset, length})
	}
	return batch, nil
}

// buffer gives buffer i of a field.
func (b *Batch) buffer(f *Field, i int) (buffer, error) {
	if i += f.firstBuffer; i < len(b.buffers) {
		return b.buffers[i], nil
	}
	return buffer{}, fmt.Errorf("%w: column %q has no buffer in its batch", ErrCorrupt, f.Name)
}

// part reads bytes [from, from+n) of buffer i of a field.
func (b *Batch) part(f *Field, i int, from, n int64) ([]byte, error) {
	buf, err := b.buffer(f, i)
	if err != nil {
		return nil, err
	}
	if from > buf.length || n > buf.length-from {
		return nil, fmt.Errorf("%w: column %q is shorter than its batch", ErrCorrupt, f.Name)
	}
	return b.file.read(buf.offset+from, n)
}

// check refuses rows that a field does not have in this batch.
func (b *Batch) check(f *Field, start, n int64) error {
	if f.node >= len(b.nodes) {
		return fmt.Errorf("%w: column %q is not in its batch", ErrCorrupt, f.Name)
	}
	if length := b.nodes[f.node].length; start < 0 || n < 0 || start > length || n > length-start {
		return fmt.Errorf("%w: column %q has %d values where row %d is asked for", ErrCorrupt, f.Name, length, start+n)
	}
	// Eight bytes for every value is the widest that is multiplied below, but for
	// FixedBinary, which is at most 2^16: this keeps products within an int64.
	if start+n > 1<<44 {
		return fmt.Errorf("%w: %d rows", ErrCorrupt, start+n)
	}
	return nil
}

// Load brings rows [start, start+n) of a column into memory.
func (b *Batch) Load(f *Field, start, n int64) (*Array, error) {
	if err := b.check(f, start, n); err != nil {
		return nil, err
	}
	a := &Array{field: f, length: int(n)}
	var err error
	if b.nodes[f.node].nulls != 0 && f.buffers > 0 {
		if buf, err := b.buffer(f, 0); err != nil {
			return nil, err
		} else if buf.length > 0 {
			if a.valid, err = b.bits(f, 0, start, n); err != nil {
				return nil, err
			}
		}
	}
	switch f.Kind {
	case Int, Float, FixedBinary, Timestamp:
		width := int64(f.Width)
		a.data, err = b.part(f, 1, start*width, n*width)
	case Bool:
		var set bitmap
		set, err = b.bits(f, 1, start, n)
		a.bools = set
	case Utf8, LargeBinary:
		if a.offsets, err = b.offsets(f, start, n); err != nil {
			return nil, err
		}
		first, last := span(a.offsets)
		a.data, err = b.part(f, 2, first, last-first)
	case List, LargeList, Map:
		if a.offsets, err = b.offsets(f, start, n); err != nil {
			return nil, err
		}
		first, last := span(a.offsets)
		err = b.loadChildren(a, first, last-first)
	case Struct:
		err = b.loadChildren(a, start, n)
	default:
		err = fmt.Errorf("%w: column %q is of %v", ErrUnsupported, f.Name, f)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// loadChildren loads the same rows of every child that can be loaded.
func (b *Batch) loadChildren(a *Array, start, n int64) error {
	a.children = make([]*Array, len(a.field.Children))
	for i, c := range a.field.Children {
		if c.Kind == Other {
			continue
		}
		child, err := b.Load(c, start, n)
		if err != nil {
			return err
		}
		a.children[i] = child
	}
	return nil
}

// offsets reads the n+1 offsets around rows [start, start+n).
func (b *Batch) offsets(f *Field, start, n int64) ([]int64, error) {
	if buf, err := b.buffer(f, 1); err == nil && buf.length == 0 && n == 0 {
		return make([]int64, 1), nil // an array without values may have no offsets
	}
	width := int64(4)
	if f.Kind == LargeList || f.Kind == LargeBinary {
		width = 8
	}
	raw, err := b.part(f, 1, start*width, (n+1)*width)
	if err != nil {
		return nil, err
	}
	list := make([]int64, n+1)
	last := int64(0)
	for i := range list {
		if width == 4 {
			list[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		} else {
			list[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
		if list[i] < last {
			return nil, fmt.Errorf("%w: column %q has falling offsets", ErrCorrupt, f.Name)
		}
		last = list[i]
	}
	return list, nil
}

func span(offsets []int64) (first, last int64) { return offsets[0], offsets[len(offsets)-1] }

// bits reads n bits from bit start of buffer i.
func (b *Batch) bits(f *Field, i int, start, n int64) (bitmap, error) {
	first, last := start/8, (start+n+7)/8
	raw, err := b.part(f, i, first, last-first)
	return bitmap{raw, int(start % 8)}, err
}

// Extent is a range of bytes of the file that the table lies in.
type Extent struct{ Offset, Length int64 }

// Extents says where the bytes of rows [start, start+n) lie: of a column of
// bytes, or of a list of numbers of one width.
func (b *Batch) Extents(f *Field, start, n int64) ([]Extent, error) {
	if err := b.check(f, start, n); err != nil {
		return nil, err
	}
	holder, index, width := f, 2, int64(1)
	switch f.Kind {
	case Utf8, LargeBinary:
	case List, LargeList:
		holder, index, width = f.Children[0], 1, int64(f.Children[0].Width)
		if width == 0 {
			return nil, fmt.Errorf("%w: column %q is a %v", ErrUnsupported, f.Name, f)
		}
	default:
		return nil, fmt.Errorf("%w: column %q is of %v", ErrUnsupported, f.Name, f)
	}
	offsets, err := b.offsets(f, start, n)
	if err != nil {
		return nil, err
	}
	data, err := b.buffer(holder, index)
	if err != nil {
		return nil, err
	}
	if _, last := span(offsets); last > data.length/width {
		return nil, fmt.Errorf("%w: column %q has offsets beyond its data", ErrCorrupt, f.Name)
	}
	list := make([]Extent, n)
	for i := range list {
		list[i] = Extent{
			Offset: b.file.base + data.offset + offsets[i]*width,
			Length: (offsets[i+1] - offsets[i]) * width,
		}
	}
	return list, nil
}
