package parquet

import (
	"encoding/binary"
	"errors"
)

// maxDepth bounds how deep structs and lists may lie in each other.
const maxDepth = 32

var errThrift = errors.New("its metadata are damaged")

// thriftReader is the inverse of thrift. After damage it gives zeros; err says so.
// It takes no memory, and no length for granted.
type thriftReader struct {
	b     []byte // what is left
	depth int
	err   error
}

// field is what precedes a value in a struct.
type field struct {
	number int16
	kind   byte
}

func (t *thriftReader) fail() { t.b, t.err = nil, errThrift }

func (t *thriftReader) take(n uint64) []byte {
	if n > uint64(len(t.b)) {
		t.fail()
		return nil
	}
	taken := t.b[:n]
	t.b = t.b[n:]
	return taken
}

func (t *thriftReader) byte() byte {
	if b := t.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (t *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(t.b)
	if n <= 0 {
		t.fail()
		return 0
	}
	t.b = t.b[n:]
	return v
}

// integer reads an i16, i32 or i64.
func (t *thriftReader) integer() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thriftReader) text() string { return string(t.take(t.uvarint())) }

// record reads a struct. Each is asked to read a field's value, and says whether
// it did.
func (t *thriftReader) record(each func(field) bool) {
	t.nested(func() {
		var f field
		for {
			head := t.byte()
			if head == 0 {
				return
			}
			if step := int16(head >> 4); step != 0 {
				f.number += step
			} else {
				f.number = int16(t.integer())
			}
			if f.kind = head & 15; !each(f) {
				t.skip(f.kind)
			}
		}
	})
}

// list has each read an element of the kind.
func (t *thriftReader) list(each func(kind byte)) {
	t.nested(func() {
		head := t.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = t.uvarint()
		}
		for ; n > 0 && t.err == nil; n-- { // an element has a byte at least
			each(head & 15)
		}
	})
}

// records reads a list of structs; each reads one, with record.
func (t *thriftReader) records(each func()) {
	t.list(func(kind byte) {
		if kind != typeStruct {
			t.fail()
			return
		}
		each()
	})
}

func (t *thriftReader) nested(read func()) {
	if t.depth == maxDepth {
		t.fail()
		return
	}
	t.depth++
	read()
	t.depth--
}

func (t *thriftReader) skip(kind byte) {
	switch kind {
	case typeTrue, typeFalse: // the kind is the value
	case typeI8:
		t.byte()
	case typeI16, typeI32, typeI64:
		t.uvarint()
	case typeDouble:
		t.take(8)
	case typeBinary:
		t.take(t.uvarint())
	case typeList, typeSet:
		t.list(func(kind byte) {
			if kind == typeTrue || kind == typeFalse {
				kind = typeI8 // as elements they have a byte
			}
			t.skip(kind)
		})
	case typeStruct:
		t.record(func(field) bool { return false })
	default: // maps do not occur
		t.fail()
	}
}
