package flatbuf

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt says that an offset or a length points outside of the buffer.
var ErrCorrupt = errors.New("metadata points outside of itself")

// Buffer is an encoded FlatBuffer.
type Buffer struct {
	data []byte
	err  error
}

// NewBuffer wraps data, which must not change while it is read.
func NewBuffer(data []byte) *Buffer { return &Buffer{data: data} }

// Err is ErrCorrupt when any access so far was out of bounds.
func (b *Buffer) Err() error { return b.err }

// Root is the outermost table.
func (b *Buffer) Root() Table { return b.table(uint64(b.u32(0))) }

// bytes gives data[pos:pos+n], or nil when there is no such range.
func (b *Buffer) bytes(pos, n uint64) []byte {
	size := uint64(len(b.data))
	if pos > size || n > size-pos {
		b.err = ErrCorrupt
		return nil
	}
	return b.data[pos : pos+n]
}

// u16 and u32 read a number; 0 when it lies outside.
func (b *Buffer) u16(pos uint64) uint16 {
	if p := b.bytes(pos, 2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (b *Buffer) u32(pos uint64) uint32 {
	if p := b.bytes(pos, 4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

// table finds the vtable of the table at pos: it lies a signed distance before.
func (b *Buffer) table(pos uint64) Table {
	vtable := int64(pos) - int64(int32(b.u32(pos)))
	if vtable < 0 {
		b.err = ErrCorrupt
	}
	if b.err != nil {
		return Table{}
	}
	return Table{buf: b, pos: pos, vtable: uint64(vtable), slots: b.u16(uint64(vtable))}
}

// Table is a table within a buffer. The zero Table has no fields.
type Table struct {
	buf         *Buffer
	pos, vtable uint64
	slots       uint16 // length of the vtable in bytes
}

// field is the position of a field, or 0 when the table leaves it out.
func (t Table) field(slot int) uint64 {
	entry := 4 + 2*uint64(slot)
	if t.buf == nil || entry+2 > uint64(t.slots) {
		return 0
	}
	offset := t.buf.u16(t.vtable + entry)
	if offset == 0 {
		return 0
	}
	return t.pos + uint64(offset)
}

// Has says whether the field is there.
func (t Table) Has(slot int) bool { return t.field(slot) != 0 }

// scalar reads an integer of width bytes as it lies in the buffer.
func (t Table) scalar(slot, width int) (uint64, bool) {
	pos := t.field(slot)
	if pos == 0 {
		return 0, false
	}
	var word [8]byte
	if copy(word[:], t.buf.bytes(pos, uint64(width))) != width {
		return 0, false
	}
	return binary.LittleEndian.Uint64(word[:]), true
}

// Uint8 reads a byte; it is 0 when absent.
func (t Table) Uint8(slot int) uint8 {
	v, _ := t.scalar(slot, 1)
	return uint8(v)
}

// Bool reads a bool; it is false when absent.
func (t Table) Bool(slot int) bool { return t.Uint8(slot) != 0 }

// Int16 reads an int16; it is 0 when absent.
func (t Table) Int16(slot int) int16 {
	v, _ := t.scalar(slot, 2)
	return int16(v)
}

// Int32 reads an int32; it is 0 when absent.
func (t Table) Int32(slot int) int32 {
	v, _ := t.scalar(slot, 4)
	return int32(v)
}

// Int64 reads an int64; it is 0 when absent.
func (t Table) Int64(slot int) int64 {
	v, _ := t.scalar(slot, 8)
	return int64(v)
}

// follow resolves the forward offset stored at pos.
func (b *Buffer) follow(pos uint64) uint64 { return pos + uint64(b.u32(pos)) }

// Table reads a table field.
func (t Table) Table(slot int) Table {
	pos := t.field(slot)
	if pos == 0 {
		return Table{}
	}
	return t.buf.table(t.buf.follow(pos))
}

// maxString bounds the strings that are taken, in bytes: names and identifiers.
// Without a bound a few offsets to one long string could claim much memory.
const maxString = 4096

// String reads a string field; it is "" when absent.
func (t Table) String(slot int) string {
	text := t.Vector(slot, 1).data
	if len(text) > maxString {
		t.buf.err = ErrCorrupt
		return ""
	}
	return string(text)
}

// Vector reads a vector field of elements that take width bytes each.
func (t Table) Vector(slot, width int) Vector {
	pos := t.field(slot)
	if pos == 0 {
		return Vector{}
	}
	start := t.buf.follow(pos)
	count := uint64(t.buf.u32(start))
	return Vector{
		buf: t.buf, pos: start + 4, width: width,
		data: t.buf.bytes(start+4, count*uint64(width)), // a uint32 times a small width: no overflow
	}
}

// Vector is a vector within a buffer; all of its elements lie inside.
type Vector struct {
	buf   *Buffer
	pos   uint64
	width int
	data  []byte
}

// Len is the number of elements.
func (v Vector) Len() int {
	if v.width == 0 {
		return 0
	}
	return len(v.data) / v.width
}

// Struct gives the bytes of element i.
func (v Vector) Struct(i int) []byte { return v.data[i*v.width : (i+1)*v.width] }

// Table gives element i of a vector of tables (width 4).
func (v Vector) Table(i int) Table {
	return v.buf.table(v.buf.follow(v.pos + uint64(i*v.width)))
}
