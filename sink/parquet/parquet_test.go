package parquet

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// batch gives rows that differ in all columns; every read has 3 chunks.
func batch(r *signal.Recipe, from, to int) *wire.Batch {
	b := &wire.Batch{}
	b.Reset(&signal.Run{AcquisitionID: fmt.Sprint("run", from%5)}, r)
	for i := from; i < to; i++ {
		read := &signal.Read{Channel: uint16(65535 - i), Mux: uint8(i), Start: 1<<63 + uint64(i)}
		copy(read.ID[:], fmt.Sprintf("%016d", i/3))
		vector := make([]float32, r.Dim)
		for k := range vector {
			vector[k] = float32((i+k)%2048) / 2048 // exact in float16
		}
		b.Append(signal.Chunk{Read: read, Index: 1<<31 + uint32(i), Start: uint64(i) << 20, Samples: 4096, Flags: signal.Flags(i)}, vector)
	}
	return b
}

// readBack compares a file, as another implementation reads it, with batches.
func readBack(t *testing.T, content []byte, batches []*wire.Batch) *file.Reader {
	t.Helper()
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	arrows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := arrows.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	var want []arrow.RecordBatch
	for _, b := range batches {
		rec, err := b.FileRecord(wire.FileInfo{})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, rec)
	}
	for i := range int(table.NumCols()) {
		var columns []arrow.Array
		for _, rec := range want {
			columns = append(columns, rec.Column(i))
		}
		if !array.Equal(join(t, columns), join(t, table.Column(i).Data().Chunks())) {
			t.Errorf("column %s differs", table.Column(i).Name())
		}
	}
	return reader
}

func join(t *testing.T, parts []arrow.Array) arrow.Array {
	t.Helper()
	whole, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func TestReadBack(t *testing.T) {
	for name, c := range map[string]struct {
		dim, rows, perBatch int
		limit               int64
	}{
		"one row":                         {128, 1, 1, groupRows},
		"one dimension":                   {1, 100, 100, groupRows},
		"many pages in a group":           {512, 4000, 400, groupRows},
		"indices of one, two bytes":       {4, 256 * 3, 256 * 3, groupRows},
		"more than 256 reads":             {4, 2000, 2000, groupRows},
		"more groups than 15":             {4, 400, 10, 20},
		"a batch larger than a group":     {4, 300, 100, 20},
		"groups that batches do not fill": {4, 91, 7, 20},
	} {
		for _, dtype := range []string{wire.Float16, wire.Float32} {
			t.Run(name+" "+dtype, func(t *testing.T) {
				r := &signal.Recipe{ModelID: "model@v1", Dim: c.dim, DType: dtype, Version: "test"}
				var out bytes.Buffer
				w := NewWriter(&out, wire.FileInfo{})
				w.limit = c.limit
				var batches []*wire.Batch
				rows := int64(0)
				for i := 0; i < c.rows; i += c.perBatch {
					b := batch(r, i, min(i+c.perBatch, c.rows))
					if err := w.Write(b); err != nil {
						t.Fatal(err)
					}
					batches = append(batches, b)
					rows += int64(b.Len())
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				reader := readBack(t, out.Bytes(), batches)
				if reader.NumRows() != rows {
					t.Errorf("%d rows", reader.NumRows())
				}
				for g := range reader.NumRowGroups() {
					if n := reader.MetaData().RowGroup(g).NumRows(); n > max(c.limit, int64(c.perBatch)) || n == 0 {
						t.Errorf("group %d has %d rows", g, n)
					}
				}
			})
		}
	}
}

func TestStatistics(t *testing.T) {
	r := &signal.Recipe{Dim: 4, DType: wire.Float32, Version: "test"}
	var out bytes.Buffer
	w := NewWriter(&out, wire.FileInfo{})
	for _, b := range []*wire.Batch{batch(r, 10, 20), batch(r, 0, 10), batch(r, 20, 30)} {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	statistics := func(name string) metadata.TypedStatistics {
		chunk, err := reader.MetaData().RowGroup(0).ColumnChunk(reader.MetaData().Schema.ColumnIndexByName(name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := chunk.Statistics()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// Above the range of signed integers, where the order is unsigned.
	start := statistics("read_start").(*metadata.Int64Statistics)
	if uint64(start.Min()) != 1<<63 || uint64(start.Max()) != 1<<63+29 {
		t.Errorf("read_start from %d to %d", uint64(start.Min()), uint64(start.Max()))
	}
	channel := statistics("channel").(*metadata.Int32Statistics)
	if channel.Min() != 65535-29 || channel.Max() != 65535 || channel.NullCount() != 0 {
		t.Errorf("channel from %d to %d, %d nulls", channel.Min(), channel.Max(), channel.NullCount())
	}
	ids := statistics("read_id").(*metadata.FixedLenByteArrayStatistics)
	if string(ids.Min()) != "0000000000000000" || string(ids.Max()) != "0000000000000009" {
		t.Errorf("read_id from %s to %s", ids.Min(), ids.Max())
	}
	if reader.MetaData().GetCreatedBy() != "porevec test" {
		t.Errorf("created by %q", reader.MetaData().GetCreatedBy())
	}
}

func TestRefusesContradictions(t *testing.T) {
	b := batch(&signal.Recipe{Dim: 4, DType: wire.Float32}, 0, 3)
	b.Vectors = b.Vectors[1:]
	if err := NewWriter(&bytes.Buffer{}, wire.FileInfo{}).Write(b); err == nil {
		t.Error("a vector that is too short is written")
	}
}
