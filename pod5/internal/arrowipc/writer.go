package arrowipc

import (
	"encoding/binary"
	"io"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
)

// metadataV5 is the version of the metadata since Arrow 1.0.
const metadataV5 int16 = 4

// KeyValue is an entry of a schema's metadata.
type KeyValue struct{ Key, Value string }

// Writer writes a table. The first error stays: Close reports it.
type Writer struct {
	w       io.Writer
	pos     int64
	schema  flatbuf.Fields
	dicts   []block
	records []block
	err     error
}

// NewWriter begins a table with the given columns.
func NewWriter(w io.Writer, fields []*Field, metadata []KeyValue) *Writer {
	t := &Writer{w: w, schema: flatbuf.Fields{1: encodeFields(fields), 2: encodeMetadata(metadata)}}
	t.write(append(append([]byte{}, magic...), 0, 0))
	t.message(headerSchema, t.schema, nil)
	return t
}

// Dictionary writes values of a dictionary, all of them or those that follow the
// ones written before (delta).
func (t *Writer) Dictionary(id int64, values *Column, delta bool) {
	batch, body := encodeBatch([]*Column{values})
	t.dicts = append(t.dicts, t.message(headerDictionary, flatbuf.Fields{id, batch, delta}, body))
}

// Batch writes the rows that the columns hold. All must hold equally many.
func (t *Writer) Batch(columns []*Column) {
	batch, body := encodeBatch(columns)
	t.records = append(t.records, t.message(headerRecord, batch, body))
}

// Close ends the table with its footer.
func (t *Writer) Close() error {
	t.write([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}) // end of the stream
	footer := flatbuf.Encode(flatbuf.Fields{metadataV5, t.schema, encodeBlocks(t.dicts), encodeBlocks(t.records)})
	t.write(footer)
	t.write(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))))
	t.write(magic)
	return t.err
}

// Size is the number of bytes written.
func (t *Writer) Size() int64 { return t.pos }

func (t *Writer) write(p []byte) {
	if t.err == nil {
		_, t.err = t.w.Write(p)
	}
	t.pos += int64(len(p))
}

// message writes metadata and the body's buffers, each padded to 8 bytes.
func (t *Writer) message(kind uint8, header flatbuf.Fields, body [][]byte) block {
	b := block{offset: t.pos}
	for _, p := range body {
		b.body += padded(int64(len(p)))
	}
	meta := flatbuf.Encode(flatbuf.Fields{metadataV5, kind, header, b.body})
	b.metadata = int64(8 + len(meta))
	t.write(binary.LittleEndian.AppendUint32([]byte{0xff, 0xff, 0xff, 0xff}, uint32(len(meta))))
	t.write(meta)
	var zeros [8]byte
	for _, p := range body {
		t.write(p)
		t.write(zeros[:padded(int64(len(p)))-int64(len(p))])
	}
	return b
}

func padded(n int64) int64 { return (n + 7) &^ 7 }

// encodeBatch describes columns as a RecordBatch table and lists their buffers.
func encodeBatch(columns []*Column) (flatbuf.Fields, [][]byte) {
	var nodes, places []byte
	var body [][]byte
	offset := int64(0)
	var add func(c *Column)
	add = func(c *Column) {
		nodes = appendInt64(nodes, int64(c.rows), int64(c.nulls))
		for _, p := range c.buffers() {
			places = appendInt64(places, offset, int64(len(p)))
			offset += padded(int64(len(p)))
			body = append(body, p)
		}
		for _, child := range c.children {
			add(child)
		}
	}
	for _, c := range columns {
		add(c)
	}
	rows := int64(0)
	if len(columns) > 0 {
		rows = int64(columns[0].rows)
	}
	return flatbuf.Fields{rows, flatbuf.Structs{Width: 16, Data: nodes}, flatbuf.Structs{Width: 16, Data: places}}, body
}

func appendInt64(dst []byte, values ...int64) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

func encodeBlocks(blocks []block) flatbuf.Structs {
	var raw []byte
	for _, b := range blocks {
		raw = appendInt64(raw, b.offset, b.metadata, b.body) // metadata is an int32 and padding
	}
	return flatbuf.Structs{Width: blockSize, Data: raw}
}

func encodeMetadata(list []KeyValue) []flatbuf.Fields {
	out := make([]flatbuf.Fields, len(list))
	for i, kv := range list {
		out[i] = flatbuf.Fields{kv.Key, kv.Value}
	}
	return out
}

func encodeFields(fields []*Field) []flatbuf.Fields {
	out := make([]flatbuf.Fields, len(fields))
	for i, f := range fields {
		out[i] = encodeField(f)
	}
	return out
}

func encodeField(f *Field) flatbuf.Fields {
	typed := f
	if f.Dictionary != nil {
		typed = f.Dictionary // the field has the type of the values
	}
	number, details := typed.encodeType()
	t := flatbuf.Fields{f.Name, !f.NotNull, number, details, nil, encodeFields(typed.Children), nil}
	if f.Dictionary != nil {
		t[4] = flatbuf.Fields{f.DictionaryID, encodeInt(f)}
	}
	if f.Extension != "" {
		t[6] = encodeMetadata([]KeyValue{{"ARROW:extension:metadata", ""}, {"ARROW:extension:name", f.Extension}})
	}
	return t
}

func encodeInt(f *Field) flatbuf.Fields { return flatbuf.Fields{int32(8 * f.Width), f.Signed} }

// encodeType gives the number of a type and the table that describes it.
func (f *Field) encodeType() (uint8, flatbuf.Fields) {
	switch f.Kind {
	case Int:
		return typeInt, encodeInt(f)
	case Float:
		return typeFloatingPoint, flatbuf.Fields{int16(f.Width / 4)} // 4 bytes: 1, 8 bytes: 2
	case Bool:
		return typeBool, flatbuf.Fields{}
	case Utf8:
		return typeUtf8, flatbuf.Fields{}
	case LargeBinary:
		return typeLargeBinary, flatbuf.Fields{}
	case FixedBinary:
		return typeFixedSizeBinary, flatbuf.Fields{int32(f.Width)}
	case List:
		return typeList, flatbuf.Fields{}
	case LargeList:
		return typeLargeList, flatbuf.Fields{}
	case Struct:
		return typeStruct, flatbuf.Fields{}
	case Map:
		return typeMap, flatbuf.Fields{false}
	case Timestamp:
		return typeTimestamp, flatbuf.Fields{int16(f.Unit), "UTC"}
	default:
		return typeNull, flatbuf.Fields{}
	}
}
