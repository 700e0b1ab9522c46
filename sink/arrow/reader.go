package arrow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// magic begins and, without the two zeros, ends a file.
const magic = "ARROW1\x00\x00"

// Reader reads a file that a [Writer] wrote, or another program since: columns are
// found by name, and texts and lists may be of any of Arrow's types for them. It
// may panic when the file is damaged.
type Reader struct {
	stream *ipc.Reader
	recipe *signal.Recipe
	record arrow.RecordBatch // under way; nil before the first
	at     int               // rows taken from it
	rows   wire.Rows         // taken and not yet given
}

// NewReader reads the file of some size in bytes.
func NewReader(in io.ReaderAt, size int64) (*Reader, error) {
	// Between the magic numbers is a stream, and an index that it does without.
	tail := make([]byte, 10) // the index's length, magic
	if _, err := in.ReadAt(tail, size-int64(len(tail))); err != nil || string(tail[4:]) != magic[:6] {
		return nil, errors.New("it is cut off, or no Arrow file: the end of one is missing")
	}
	head := make([]byte, len(magic)+4)
	if _, err := in.ReadAt(head, 0); err != nil || string(head[:6]) != magic[:6] {
		return nil, errors.New("it is no Arrow file")
	}
	if string(head[6:]) != magic[6:]+"\xff\xff\xff\xff" {
		return nil, errors.New("it does not begin with its schema (polars writes such files): write it as .parquet, with its metadata")
	}
	start, end := int64(len(magic)), size-int64(len(tail))-int64(binary.LittleEndian.Uint32(tail))
	if end < start {
		return nil, errors.New("its index is longer than the file")
	}
	stream, err := ipc.NewReaderFromMessageReader(wire.NewMessages(io.NewSectionReader(in, start, end-start), end-start))
	if err != nil {
		return nil, err
	}
	md := stream.Schema().Metadata()
	recipe, err := wire.ReadRecipe(func(key string) string {
		value, _ := md.GetValue(key)
		return value
	})
	if err != nil {
		return nil, err
	}
	r := &Reader{stream: stream, recipe: recipe}
	if err := r.checkColumns(); err != nil {
		return nil, err
	}
	return r, nil
}

// checkColumns sets the recipe's type, too.
func (r *Reader) checkColumns() error {
	for _, want := range wire.FileSchema(r.recipe, wire.FileInfo{}).Fields() {
		found, _ := r.stream.Schema().FieldsByName(want.Name)
		if len(found) == 0 && want.Name == "sample_rate" {
			continue
		}
		if len(found) != 1 {
			return fmt.Errorf("%d columns are called %s", len(found), want.Name)
		}
		if !r.fits(want, found[0].Type) {
			return fmt.Errorf("column %s is %.80q, want %s", want.Name, found[0].Type.String(), want.Type)
		}
	}
	return nil
}

func (r *Reader) fits(want arrow.Field, got arrow.DataType) bool {
	switch want.Name {
	case "run":
		return slices.Contains([]arrow.Type{arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW}, got.ID())
	case "read_id":
		return arrow.TypeEqual(got, want.Type) || slices.Contains([]arrow.Type{arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW}, got.ID())
	case "embedding":
		if !slices.Contains([]arrow.Type{arrow.FIXED_SIZE_LIST, arrow.LIST, arrow.LARGE_LIST}, got.ID()) {
			return false
		}
		switch got.(arrow.ListLikeType).Elem().ID() {
		case arrow.FLOAT16:
			r.recipe.DType = wire.Float16
		case arrow.FLOAT32:
			r.recipe.DType = wire.Float32
		}
		return r.recipe.DType != ""
	}
	return arrow.TypeEqual(got, want.Type)
}

// Next gives rows of one run; io.EOF after the last.
func (r *Reader) Next() (*wire.Batch, error) {
	for {
		if b := r.rows.Next(); b != nil {
			return b, nil
		}
		for r.record == nil || r.at == int(r.record.NumRows()) {
			record, err := r.stream.Read()
			if err != nil {
				return nil, err
			}
			r.record, r.at = record, 0
		}
		n := min(wire.RowsAtOnce(r.recipe.Dim), int(r.record.NumRows())-r.at)
		if err := r.take(n); err != nil {
			return nil, err
		}
		r.at += n
	}
}

// take copies n rows out of the record.
func (r *Reader) take(n int) error {
	var failed error
	column := func(name string) arrow.Array {
		whole := r.record.Column(r.record.Schema().FieldIndices(name)[0])
		part := array.NewSlice(whole, int64(r.at), int64(r.at+n))
		if part.NullN() != 0 {
			failed = fmt.Errorf("column %s holds nulls", name)
		}
		return part
	}
	rows := wire.Rows{SampleRates: make([]uint16, n)}
	rows.Recipe = r.recipe
	runs := column("run").(interface{ Value(int) string })
	for i := range n {
		rows.Runs = append(rows.Runs, runs.Value(i))
	}
	if r.record.Schema().HasField("sample_rate") {
		copy(rows.SampleRates, column("sample_rate").(*array.Uint16).Uint16Values())
	}
	rows.Channels = slices.Clone(column("channel").(*array.Uint16).Uint16Values())
	rows.Muxes = slices.Clone(column("mux").(*array.Uint8).Uint8Values())
	rows.Chunks = slices.Clone(column("chunk").(*array.Uint32).Uint32Values())
	rows.ReadStarts = slices.Clone(column("read_start").(*array.Uint64).Uint64Values())
	rows.ChunkStarts = slices.Clone(column("chunk_start").(*array.Uint64).Uint64Values())
	rows.Samples = slices.Clone(column("samples").(*array.Uint32).Uint32Values())
	for _, v := range column("flags").(*array.Uint16).Uint16Values() {
		rows.Flags = append(rows.Flags, signal.Flags(v))
	}
	var idErr, vectorErr error
	rows.ReadIDs, idErr = readIDs(column("read_id"))
	rows.Vectors, vectorErr = vectors(column("embedding").(array.ListLike), r.recipe.Dim)
	r.rows = rows
	return errors.Join(failed, idErr, vectorErr)
}

func readIDs(column arrow.Array) ([]signal.ReadID, error) {
	ids := make([]signal.ReadID, column.Len())
	for i := range ids {
		value := column.(interface{ Value(int) []byte }).Value(i)
		if copy(ids[i][:], value) != len(value) || len(value) != len(ids[i]) {
			return nil, fmt.Errorf("column read_id holds a value of %d bytes", len(value))
		}
	}
	return ids, nil
}

func vectors(lists array.ListLike, dim int) ([]float32, error) {
	var out []float32
	elements := lists.ListValues()
	if elements.NullN() != 0 {
		return nil, errors.New("column embedding holds nulls")
	}
	for i := range lists.Len() {
		start, end := lists.ValueOffsets(i)
		if end-start != int64(dim) {
			return nil, fmt.Errorf("column embedding holds a list of %d values, want %d", end-start, dim)
		}
		if singles, ok := elements.(*array.Float32); ok {
			out = append(out, singles.Float32Values()[start:end]...)
			continue
		}
		for _, half := range elements.(*array.Float16).Values()[start:end] {
			out = append(out, wire.Single(half.Uint16()))
		}
	}
	return out, nil
}
