package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/porevec/porevec/signal"
)

// MaxMessage is the largest message that Decode looks at, in bytes. NATS servers
// refuse more than 1 MiB unless told otherwise.
const MaxMessage = 8 << 20

// ErrMessage is in every error of [Decode]: the payload is not one of ours, or
// damaged.
var ErrMessage = errors.New("not a porevec message")

// Decode reads one message. The batch owns its memory. Payloads from strangers
// are safe: what does not fit the schema gives an error, and memory stays within
// a few times the payload's size.
func Decode(payload []byte) (b *Batch, err error) {
	defer func() {
		if p := recover(); p != nil { // arrow-go indexes by what the payload says
			b, err = nil, fmt.Errorf("%w: %v", ErrMessage, p)
		}
	}()
	if len(payload) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMessage, len(payload), MaxMessage)
	}
	b, err = decode(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return b, nil
}

func decode(payload []byte) (*Batch, error) {
	if err := checkFraming(payload); err != nil {
		return nil, err
	}
	messages := ipc.NewMessageReader(bytes.NewReader(payload), ipc.WithBodySizeLimit(int64(len(payload))))
	r, err := ipc.NewReaderFromMessageReader(messages)
	if err != nil {
		messages.Release()
		return nil, err
	}
	defer r.Release()
	run, recipe, err := readMetadata(r.Schema().Metadata())
	if err != nil {
		return nil, err
	}
	columns, err := findColumns(r.Schema(), recipe)
	if err != nil {
		return nil, err
	}
	if !r.Next() {
		return nil, cause(r, errors.New("no record batch"))
	}
	b, err := readRecord(r.RecordBatch(), columns, recipe)
	if err != nil {
		return nil, err
	}
	b.Run = run
	if r.Next() {
		return nil, errors.New("more than one record batch")
	}
	return b, cause(r, nil)
}

func cause(r *ipc.Reader, otherwise error) error {
	if err := r.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return otherwise
}

// findColumns gives the place of each of our columns, so that later versions may
// add some, and sets the recipe's DType.
func findColumns(schema *arrow.Schema, recipe *signal.Recipe) ([]int, error) {
	recipe.DType = Float32
	if i := schema.FieldIndices("embedding"); len(i) == 1 {
		if list, ok := schema.Field(i[0]).Type.(*arrow.FixedSizeListType); ok && list.Elem().ID() == arrow.FLOAT16 {
			recipe.DType = Float16
		}
	}
	var places []int
	for _, want := range fields(recipe) {
		found := schema.FieldIndices(want.Name)
		if len(found) != 1 {
			return nil, fmt.Errorf("%d columns are called %s", len(found), want.Name)
		}
		if got := schema.Field(found[0]).Type; !sameType(got, want.Type) {
			return nil, fmt.Errorf("column %s is %.80q, want %s", want.Name, got.String(), want.Type)
		}
		places = append(places, found[0])
	}
	return places, nil
}

// sameType compares types but not the names and nullability of list elements,
// which differ between Arrow writers.
func sameType(a, b arrow.DataType) bool {
	la, ok := a.(*arrow.FixedSizeListType)
	lb, also := b.(*arrow.FixedSizeListType)
	if ok && also {
		return la.Len() == lb.Len() && la.Elem().ID() == lb.Elem().ID()
	}
	return arrow.TypeEqual(a, b)
}

// readRecord copies the columns out of the record.
func readRecord(rec arrow.RecordBatch, places []int, recipe *signal.Recipe) (*Batch, error) {
	n := int(rec.NumRows())
	if n < 0 || n > MaxMessage {
		return nil, fmt.Errorf("%d rows", n)
	}
	b := &Batch{Recipe: recipe}
	var failed error
	column := func(i int) arrow.ArrayData {
		col := rec.Column(places[i])
		if col.NullN() != 0 || col.Len() != n {
			failed = fmt.Errorf("column %s has %d values and %d nulls in %d rows", rec.ColumnName(places[i]), col.Len(), col.NullN(), n)
		}
		return col.Data()
	}
	b.ReadIDs = values[signal.ReadID](column(0), n)
	b.Channels = values[uint16](column(1), n)
	b.Muxes = values[uint8](column(2), n)
	b.Chunks = values[uint32](column(3), n)
	b.ReadStarts = values[uint64](column(4), n)
	b.ChunkStarts = values[uint64](column(5), n)
	b.Samples = values[uint32](column(6), n)
	b.Flags = values[signal.Flags](column(7), n)
	elements := column(8).Children()[0]
	if failed != nil {
		return nil, failed
	}
	if elements.NullN() != 0 {
		return nil, errors.New("embeddings hold nulls")
	}
	if recipe.DType == Float32 {
		b.Vectors = values[float32](elements, n*recipe.Dim)
		return b, nil
	}
	halves := values[uint16](elements, n*recipe.Dim)
	b.Vectors = make([]float32, len(halves))
	for i, h := range halves {
		b.Vectors[i] = Single(h)
	}
	return b, nil
}

// values copies n fixed-size values; it panics when the buffer holds fewer.
func values[T any](d arrow.ArrayData, n int) []T {
	if n == 0 {
		return nil
	}
	size := len(bytesOf(make([]T, 1)))
	from := d.Buffers()[1].Bytes()[d.Offset()*size:][:n*size] // checked before memory is taken
	out := make([]T, n)
	copy(bytesOf(out), from)
	return out
}
