package wire

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/porevec/porevec/signal"
)

// fields are the columns of a message.
func fields(r *signal.Recipe) []arrow.Field {
	return []arrow.Field{
		{Name: "read_id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}},
		{Name: "channel", Type: arrow.PrimitiveTypes.Uint16},
		{Name: "mux", Type: arrow.PrimitiveTypes.Uint8},
		{Name: "chunk", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "read_start", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "chunk_start", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "samples", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "flags", Type: arrow.PrimitiveTypes.Uint16},
		{Name: "embedding", Type: embeddingType(r)},
	}
}

func embeddingType(r *signal.Recipe) *arrow.FixedSizeListType {
	var element arrow.DataType = arrow.PrimitiveTypes.Float32
	if r.DType == Float16 {
		element = arrow.FixedWidthTypes.Float16
	}
	return arrow.FixedSizeListOfNonNullable(int32(r.Dim), element)
}

// message gives the batch as the record of a message; it borrows memory too.
func (b *Batch) message() (arrow.RecordBatch, error) {
	columns, err := b.columns()
	if err != nil {
		return nil, err
	}
	md := metadata(b.Run, b.Recipe)
	return record(arrow.NewSchema(fields(b.Recipe), &md), columns, b.Len()), nil
}

func record(schema *arrow.Schema, columns []arrow.Array, rows int) arrow.RecordBatch {
	rec := array.NewRecordBatch(schema, columns, int64(rows))
	for _, c := range columns {
		c.Release()
	}
	return rec
}

// columns wraps the batch's slices as Arrow arrays; only float16 vectors are
// copied.
func (b *Batch) columns() ([]arrow.Array, error) {
	n, types := b.Len(), fields(b.Recipe)
	if b.Recipe.Dim < 1 || len(b.Vectors) != n*b.Recipe.Dim {
		return nil, fmt.Errorf("%d rows of dimension %d hold %d values", n, b.Recipe.Dim, len(b.Vectors))
	}
	if t := b.Recipe.DType; t != Float16 && t != Float32 {
		return nil, fmt.Errorf("embeddings of type %q: known are %s and %s", t, Float16, Float32)
	}
	columns := make([]arrow.Array, 0, len(types))
	for i, values := range [][]byte{
		bytesOf(b.ReadIDs), bytesOf(b.Channels), b.Muxes, bytesOf(b.Chunks),
		bytesOf(b.ReadStarts), bytesOf(b.ChunkStarts), bytesOf(b.Samples), bytesOf(b.Flags),
	} {
		columns = append(columns, array.MakeFromData(data(types[i].Type, n, values)))
	}
	list := embeddingType(b.Recipe)
	elements := data(list.Elem(), len(b.Vectors), b.VectorBytes())
	columns = append(columns, array.MakeFromData(
		array.NewData(list, n, []*memory.Buffer{nil}, []arrow.ArrayData{elements}, 0, 0)))
	return columns, nil
}

// VectorBytes gives the vectors as the recipe's DType, row after row, in the
// machine's byte order. They may share the batch's memory.
func (b *Batch) VectorBytes() []byte {
	if b.Recipe.DType != Float16 {
		return bytesOf(b.Vectors)
	}
	halves := make([]uint16, len(b.Vectors))
	for i, f := range b.Vectors {
		halves[i] = half(f)
	}
	return bytesOf(halves)
}

func data(t arrow.DataType, n int, values []byte) arrow.ArrayData {
	return array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
}

// bytesOf is the memory of fixed-size values, in the machine's byte order; Arrow
// names the order in the schema.
func bytesOf[T any](values []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(*new(T))))
}
