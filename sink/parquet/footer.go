package parquet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// More numbers of parquet.thrift.
const (
	required = 0
	repeated = 2

	codecZstd = 6

	convertedText  = 0
	convertedList  = 3
	convertedUint8 = 11 // 16, 32 and 64 bits follow

	logicalText    = 1
	logicalList    = 3
	logicalInteger = 10
	logicalFloat16 = 15
)

// group is what the footer says of a row group.
type group struct {
	rows, offset int64
	chunks       []chunk
}

// footer gives the file's last bytes: metadata, their length, magic.
func (w *Writer) footer() ([]byte, error) {
	stored, err := storedSchema(w.schema)
	if err != nil {
		return nil, err
	}
	rows := int64(0)
	for _, g := range w.groups {
		rows += g.rows
	}
	var t thrift
	t.element(func() {
		t.i32(1, 2) // version
		w.schemaElements(&t)
		t.i64(3, rows)
		t.records(4, len(w.groups), func(i int) { w.rowGroup(&t, i) })
		md := w.schema.Metadata()
		keys := append(slices.Clone(md.Keys()), "ARROW:schema")
		values := append(slices.Clone(md.Values()), stored)
		t.records(5, len(keys), func(i int) {
			t.text(1, keys[i])
			t.text(2, values[i])
		})
		t.text(6, w.createdBy)
		// Statistics follow the order that each type defines.
		t.records(7, len(w.columns), func(int) { t.record(1, nil) })
	})
	b := binary.LittleEndian.AppendUint32(t.b, uint32(len(t.b)))
	return append(b, magic...), nil
}

// schemaElements lists the tree of columns, parents first.
func (w *Writer) schemaElements(t *thrift) {
	n := 1
	for _, c := range w.columns {
		n++
		if c.listed {
			n += 2
		}
	}
	t.list(2, typeStruct, n)
	t.element(func() {
		t.i32(3, required)
		t.text(4, "schema")
		t.i32(5, int32(len(w.columns)))
	})
	for _, c := range w.columns {
		name := c.field.Name
		if c.listed {
			t.element(func() {
				t.i32(3, required)
				t.text(4, name)
				t.i32(5, 1)
				t.i32(6, convertedList)
				t.record(10, func() { t.record(logicalList, nil) })
			})
			t.element(func() {
				t.i32(3, repeated)
				t.text(4, "list")
				t.i32(5, 1)
			})
			name = "element"
		}
		t.element(func() { c.leaf(t, name) })
	}
}

func (c *column) leaf(t *thrift, name string) {
	t.i32(1, c.physical)
	if c.physical == physicalFixed {
		t.i32(2, int32(c.width))
	}
	t.i32(3, required)
	t.text(4, name)
	element := c.field.Type
	if list, ok := element.(*arrow.FixedSizeListType); ok {
		element = list.Elem()
	}
	integer := func(order, bits int) {
		t.i32(6, int32(convertedUint8+order))
		t.record(10, func() {
			t.record(logicalInteger, func() {
				t.i8(1, int8(bits))
				t.bool(2, false) // not signed
			})
		})
	}
	switch element.ID() {
	case arrow.STRING:
		t.i32(6, convertedText)
		t.record(10, func() { t.record(logicalText, nil) })
	case arrow.UINT8:
		integer(0, 8)
	case arrow.UINT16:
		integer(1, 16)
	case arrow.UINT32:
		integer(2, 32)
	case arrow.UINT64:
		integer(3, 64)
	case arrow.FLOAT16:
		t.record(10, func() { t.record(logicalFloat16, nil) })
	}
}

func (w *Writer) rowGroup(t *thrift, at int) {
	g := w.groups[at]
	var compressed, plain int64
	t.records(1, len(g.chunks), func(i int) {
		t.i64(2, 0) // metadata are here only
		t.record(3, func() { w.columns[i].meta(t, g.chunks[i]) })
		compressed += g.chunks[i].compressed
		plain += g.chunks[i].plain
	})
	t.i64(2, plain)
	t.i64(3, g.rows)
	t.i64(5, g.offset)
	t.i64(6, compressed)
	t.i16(7, int16(at))
}

// meta describes a chunk of the column.
func (c *column) meta(t *thrift, k chunk) {
	encodings := []int64{encodingPlain}
	if c.indexed {
		encodings = append(encodings, encodingDictionary)
	}
	if c.listed || c.indexed {
		encodings = append(encodings, encodingRLE)
	}
	path := []string{c.field.Name}
	if c.listed {
		path = append(path, "list", "element")
	}
	t.i32(1, c.physical)
	t.list(2, typeI32, len(encodings))
	for _, e := range encodings {
		t.b = binary.AppendVarint(t.b, e)
	}
	t.list(3, typeBinary, len(path))
	for _, name := range path {
		t.b = append(binary.AppendUvarint(t.b, uint64(len(name))), name...)
	}
	t.i32(4, codecZstd)
	t.i64(5, int64(k.values))
	t.i64(6, k.plain)
	t.i64(7, k.compressed)
	t.i64(9, k.dataOffset)
	if c.indexed {
		t.i64(11, k.offset)
	}
	if k.least != nil {
		t.record(12, func() {
			t.i64(3, 0) // nulls
			t.binary(5, k.most)
			t.binary(6, k.least)
		})
	}
}

// storedSchema is the Arrow schema for the metadata, from which readers of Arrow
// restore the types. Its lists name their elements as the columns do.
func storedSchema(s *arrow.Schema) (string, error) {
	fields := slices.Clone(s.Fields())
	for i, f := range fields {
		if list, ok := f.Type.(*arrow.FixedSizeListType); ok {
			element := list.ElemField()
			element.Name = "element"
			fields[i].Type = arrow.FixedSizeListOfField(list.Len(), element)
		}
	}
	md := s.Metadata()
	var b bytes.Buffer
	// A stream without records.
	if err := ipc.NewWriter(&b, ipc.WithSchema(arrow.NewSchema(fields, &md))).Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
