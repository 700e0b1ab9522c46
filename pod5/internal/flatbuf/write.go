package flatbuf

import (
	"encoding/binary"
	"fmt"
)

// Fields are the fields of a table to write, by slot. nil leaves a field out.
// A value is one of uint8, bool, int16, int32, int64, string, Fields, []Fields
// or Structs.
type Fields []any

// Structs is a vector of structs, already laid out; they are aligned to 8.
type Structs struct {
	Width int
	Data  []byte
}

// Encode writes root as a FlatBuffer whose length is a multiple of 8.
func Encode(root Fields) []byte {
	e := &encoder{out: make([]byte, 4, 512)}
	e.patch(0, e.table(root))
	e.align(8, 0)
	return e.out
}

// encoder writes front to back: a table first, then what it points to, since
// offsets point forward only.
type encoder struct{ out []byte }

// align pads until the length plus ahead is a multiple of n.
func (e *encoder) align(n, ahead int) {
	for (len(e.out)+ahead)%n != 0 {
		e.out = append(e.out, 0)
	}
}

// patch stores at pos the offset from pos to target.
func (e *encoder) patch(pos, target int) {
	binary.LittleEndian.PutUint32(e.out[pos:], uint32(target-pos))
}

// table writes a table with everything below it and returns its position.
func (e *encoder) table(fields Fields) int {
	// Every field takes its natural place behind the 4-byte way to the vtable.
	offsets := make([]int, len(fields))
	size := 4
	for slot, v := range fields {
		if v == nil {
			continue
		}
		w := inline(v)
		size = (size + w - 1) / w * w
		offsets[slot] = size
		size += w
	}
	vtableLen := 4 + 2*len(fields)
	e.align(8, vtableLen)
	vtable := len(e.out)
	e.u16(uint16(vtableLen))
	e.u16(uint16(size))
	for _, offset := range offsets {
		e.u16(uint16(offset))
	}
	pos := len(e.out)
	e.out = append(e.out, make([]byte, size)...)
	binary.LittleEndian.PutUint32(e.out[pos:], uint32(pos-vtable))
	for slot, v := range fields {
		if v != nil {
			e.field(pos+offsets[slot], v)
		}
	}
	return pos
}

// inline is the size of a value inside of its table.
func inline(v any) int {
	switch v.(type) {
	case uint8, bool:
		return 1
	case int16:
		return 2
	case int64:
		return 8
	default:
		return 4
	}
}

func (e *encoder) field(pos int, v any) {
	switch v := v.(type) {
	case uint8:
		e.out[pos] = v
	case bool:
		if v {
			e.out[pos] = 1
		}
	case int16:
		binary.LittleEndian.PutUint16(e.out[pos:], uint16(v))
	case int32:
		binary.LittleEndian.PutUint32(e.out[pos:], uint32(v))
	case int64:
		binary.LittleEndian.PutUint64(e.out[pos:], uint64(v))
	case string:
		e.vector(pos, len(v), 4)
		e.out = append(e.out, v...)
		e.out = append(e.out, 0)
	case Structs:
		e.vector(pos, len(v.Data)/v.Width, 8)
		e.out = append(e.out, v.Data...)
	case Fields:
		e.patch(pos, e.table(v))
	case []Fields:
		e.vector(pos, len(v), 4)
		first := len(e.out)
		e.out = append(e.out, make([]byte, 4*len(v))...)
		for i, child := range v {
			e.patch(first+4*i, e.table(child))
		}
	default:
		panic(fmt.Sprintf("flatbuf: cannot write a %T", v)) // a mistake of the caller, never of data
	}
}

// vector begins a vector whose elements are aligned to align, for the field at pos.
func (e *encoder) vector(pos, count, align int) {
	e.align(align, 4)
	e.patch(pos, len(e.out))
	e.out = binary.LittleEndian.AppendUint32(e.out, uint32(count))
}

func (e *encoder) u16(v uint16) { e.out = binary.LittleEndian.AppendUint16(e.out, v) }
