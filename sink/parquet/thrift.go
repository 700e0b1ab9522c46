package parquet

import "encoding/binary"

// thrift builds a struct in Thrift's compact protocol, in which Parquet writes
// page headers and the footer. The numbers given to its methods are the fields'
// in parquet.thrift; they come in ascending order.
type thrift struct {
	b    []byte
	last int16 // number of the field before
}

// Types of the protocol.
const (
	typeTrue   = 1
	typeFalse  = 2
	typeI8     = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeSet    = 10
	typeStruct = 12
)

func (t *thrift) field(number int16, kind byte) {
	// All our numbers are small: the distance fits into the four bits for it.
	t.b = append(t.b, byte(number-t.last)<<4|kind)
	t.last = number
}

func (t *thrift) bool(number int16, v bool) {
	if v {
		t.field(number, typeTrue)
	} else {
		t.field(number, typeFalse)
	}
}

func (t *thrift) i8(number int16, v int8) {
	t.field(number, typeI8)
	t.b = append(t.b, byte(v))
}

func (t *thrift) i16(number int16, v int16) {
	t.field(number, typeI16)
	t.b = binary.AppendVarint(t.b, int64(v))
}

func (t *thrift) i32(number int16, v int32) {
	t.field(number, typeI32)
	t.b = binary.AppendVarint(t.b, int64(v))
}

func (t *thrift) i64(number int16, v int64) {
	t.field(number, typeI64)
	t.b = binary.AppendVarint(t.b, v)
}

func (t *thrift) binary(number int16, v []byte) {
	t.field(number, typeBinary)
	t.b = append(binary.AppendUvarint(t.b, uint64(len(v))), v...)
}

func (t *thrift) text(number int16, v string) { t.binary(number, []byte(v)) }

// record writes a struct; nil for one without fields.
func (t *thrift) record(number int16, fill func()) {
	t.field(number, typeStruct)
	t.element(fill)
}

// element writes a struct without a field's header, as lists have them.
func (t *thrift) element(fill func()) {
	outer := t.last
	t.last = 0
	if fill != nil {
		fill()
	}
	t.b = append(t.b, 0)
	t.last = outer
}

// list writes the head of a list; its elements follow.
func (t *thrift) list(number int16, kind byte, n int) {
	t.field(number, typeList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|kind)
	} else {
		t.b = binary.AppendUvarint(append(t.b, 0xf0|kind), uint64(n))
	}
}

func (t *thrift) records(number int16, n int, fill func(i int)) {
	t.list(number, typeStruct, n)
	for i := range n {
		t.element(func() { fill(i) })
	}
}
