package file

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink"
	"github.com/porevec/porevec/sink/wire"
)

var (
	_ sink.Sink = (*File)(nil)
	_ sink.Sink = (*Lines)(nil)
)

const dim = 4

func recipe(dtype string) *signal.Recipe {
	return &signal.Recipe{ModelID: "model@v1", ModelDigest: "abc", Normalization: "pa", Window: 4096, Hop: 4096, Dim: dim, DType: dtype, Version: "test"}
}

// vectors gives rows of two runs that interleave; values are exact in float16.
func vectors(r *signal.Recipe, from, to int) *signal.Embedded {
	e := &signal.Embedded{Recipe: r, Dim: r.Dim}
	for i := from; i < to; i++ {
		run := runs[i/100%2]
		read := &signal.Read{Run: run, Channel: uint16(i % 512), Mux: 1, Start: uint64(i)}
		copy(read.ID[:], fmt.Sprintf("%016d", i))
		e.Chunks = append(e.Chunks, signal.Chunk{Read: read, Index: uint32(i), Start: 7, Samples: 4096, Flags: signal.FlagShort})
		e.Vectors = append(e.Vectors, float32(i%1000), 0.5, -1, 0)
	}
	return e
}

var runs = []*signal.Run{{AcquisitionID: "run1", Position: "X1", SampleRateHz: 5000}, {AcquisitionID: "run2", SampleRateHz: 4000}}

// inOrder walks through rows of the two runs, which keep their order each.
type inOrder map[string]int

// next is the number of the next row of a run.
func (o inOrder) next(run string) int {
	if _, begun := o[run]; !begun && run == "run2" {
		o[run] = 100
	}
	i := o[run]
	o[run]++
	if o[run]%100 == 0 {
		o[run] += 100 // those of the other run
	}
	return i
}

// store writes n rows to a new file and checks that they settle before it is there.
func store(t *testing.T, path string, r *signal.Recipe, n int) {
	t.Helper()
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	settled := 0
	done := func(err error) {
		if err != nil {
			t.Error(err)
		}
		settled++
	}
	puts := 0
	for i := 0; i < n; i += 777 {
		if err := f.Put(t.Context(), vectors(r, i, min(i+777, n)), done); err != nil {
			t.Fatal(err)
		}
		puts++
	}
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); settled != puts || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before Close: %d settled of %d, target: %v", settled, puts, err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	noParts(t, filepath.Dir(path))
}

func noParts(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{"*.part", "*.tmp"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// checkRecord compares columns with the next rows.
func checkRecord(t *testing.T, rec arrow.RecordBatch, dtype string, order inOrder) {
	t.Helper()
	column := func(name string) arrow.Array { return rec.Column(rec.Schema().FieldIndices(name)[0]) }
	list := column("embedding").(*array.FixedSizeList)
	for row := range int(rec.NumRows()) {
		i := order.next(column("run").(*array.String).Value(row))
		want := vectors(recipe(dtype), i, i+1)
		c := want.Chunks[0]
		start, _ := list.ValueOffsets(row)
		var first float32
		if dtype == wire.Float16 {
			first = list.ListValues().(*array.Float16).Value(int(start)).Float32()
		} else {
			first = list.ListValues().(*array.Float32).Value(int(start))
		}
		if column("run").(*array.String).Value(row) != c.Read.Run.AcquisitionID ||
			!bytes.Equal(column("read_id").(*array.FixedSizeBinary).Value(row), c.Read.ID[:]) ||
			column("channel").(*array.Uint16).Value(row) != c.Read.Channel ||
			column("chunk").(*array.Uint32).Value(row) != c.Index ||
			column("read_start").(*array.Uint64).Value(row) != c.Read.Start ||
			column("flags").(*array.Uint16).Value(row) != uint16(c.Flags) || first != want.Vectors[0] {
			t.Fatalf("row %d differs", i)
		}
	}
}

func checkMetadata(t *testing.T, schema *arrow.Schema) {
	t.Helper()
	model, _ := schema.Metadata().GetValue("porevec.model")
	told, _ := schema.Metadata().GetValue("porevec.runs")
	if model != "model@v1" || told != `[{"run":"run1","position":"X1","sample_rate":5000},{"run":"run2","sample_rate":4000}]` {
		t.Errorf("metadata %v", schema.Metadata())
	}
}

func TestParquet(t *testing.T) {
	for _, dtype := range []string{wire.Float16, wire.Float32} {
		const n = 20_000 // more than a row group of 16 Ki
		path := filepath.Join(t.TempDir(), "x.parquet")
		store(t, path, recipe(dtype), n)
		reader, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if got := reader.NumRowGroups(); got != 2 {
			t.Errorf("%d row groups", got)
		}
		arrows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		records, err := arrows.GetRecordReader(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer records.Release()
		if model := reader.MetaData().KeyValueMetadata().FindValue("porevec.model"); model == nil || *model != "model@v1" {
			t.Errorf("metadata %v", reader.MetaData().KeyValueMetadata())
		}
		order, rows := make(inOrder), 0
		for records.Next() {
			checkRecord(t, records.RecordBatch(), dtype, order)
			rows += int(records.RecordBatch().NumRows())
		}
		if rows != n {
			t.Errorf("%d rows", rows)
		}
	}
}

func TestArrow(t *testing.T) {
	for _, dtype := range []string{wire.Float16, wire.Float32} {
		const n = 10_000
		path := filepath.Join(t.TempDir(), "x.arrow")
		store(t, path, recipe(dtype), n)
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		reader, err := ipc.NewFileReader(in)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		checkMetadata(t, reader.Schema())
		order, rows := make(inOrder), 0
		for k := range reader.NumRecords() {
			rec, err := reader.RecordBatch(k)
			if err != nil {
				t.Fatal(err)
			}
			checkRecord(t, rec, dtype, order)
			rows += int(rec.NumRows())
		}
		if rows != n {
			t.Errorf("%d rows", rows)
		}
	}
}

func TestNumPy(t *testing.T) {
	for dtype, want := range map[string]struct {
		descr string
		size  int
	}{wire.Float16: {"<f2", 2}, wire.Float32: {"<f4", 4}} {
		dir := t.TempDir()
		store(t, filepath.Join(dir, "x.npy"), recipe(dtype), 1234)
		got, err := os.ReadFile(filepath.Join(dir, "x.npy"))
		if err != nil {
			t.Fatal(err)
		}
		dict := "{'descr': '" + want.descr + "', 'fortran_order': False, 'shape': (1234, 4), }"
		if header := string(got[:128]); header != "\x93NUMPY\x01\x00\x76\x00"+dict+strings.Repeat(" ", 117-len(dict))+"\n" {
			t.Errorf("header %q", header)
		}
		if len(got) != 128+1234*dim*want.size {
			t.Errorf("%d bytes", len(got))
		}
		if want.size == 4 {
			if v := math.Float32frombits(binary.LittleEndian.Uint32(got[128+150*dim*4:])); v != 250 {
				t.Errorf("row 150, the run's 51st of its third hundred, begins with %g", v)
			}
		}
		ids, err := os.ReadFile(filepath.Join(dir, "x.ids.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(ids), "\n"), "\n")
		if len(lines) != 1235 || lines[151] != "run1\t30303030-3030-3030-3030-303030323530\t250\t1\t250\t250\t7\t4096\tshort" {
			t.Errorf("%d lines, %q", len(lines), lines[151])
		}
		var meta struct {
			Model string         `json:"porevec.model"`
			Dim   int            `json:"porevec.dim"`
			Runs  []wire.RunInfo `json:"porevec.runs"`
		}
		text, err := os.ReadFile(filepath.Join(dir, "x.meta.json"))
		if err == nil {
			err = json.Unmarshal(text, &meta)
		}
		if err != nil || meta.Model != "model@v1" || meta.Dim != dim || len(meta.Runs) != 2 || meta.Runs[1].SampleRateHz != 4000 {
			t.Errorf("%s, %v", text, err)
		}
	}
}

func TestNDJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	store(t, path, recipe(wire.Float32), 300)
	fromFile, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	settled := 0
	lines := NDJSON(&out)
	if err := lines.Put(t.Context(), vectors(recipe(wire.Float32), 0, 300), func(error) { settled++ }); err != nil || settled != 1 {
		t.Error(err, settled)
	}
	sorted := func(text []byte) []string { return slices.Sorted(strings.Lines(string(text))) }
	if !slices.Equal(sorted(out.Bytes()), sorted(fromFile)) {
		t.Error("file and stream differ")
	}
	var row struct {
		Run   string
		Chunk int
	}
	all := bytes.Split(bytes.TrimSpace(fromFile), []byte("\n"))
	if err := json.Unmarshal(all[len(all)-1], &row); err != nil || len(all) != 300 || row.Run != "run2" || row.Chunk != 199 {
		t.Errorf("%d lines, last %+v, %v", len(all), row, err)
	}
}

func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.journal.file.Close() // as good as a full disk
	calls := 0
	if err := f.Put(t.Context(), vectors(recipe(wire.Float32), 0, 10), func(err error) {
		calls++
		if err == nil {
			t.Error("settled as durable")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "goes on") {
		t.Errorf("flush gave %v", err)
	}
	if err := f.Close(); err == nil || calls != 1 {
		t.Errorf("close gave %v after %d calls of done", err, calls)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("target: %v", err)
	}
}

func TestOneRecipe(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "x.parquet"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Put(t.Context(), vectors(recipe(wire.Float32), 0, 3), func(error) {}); err != nil {
		t.Fatal(err)
	}
	newer := recipe(wire.Float32)
	newer.Version = "later"
	b := &wire.Batch{}
	b.Reset(runs[0], newer)
	if err := f.Write(b); err != nil {
		t.Errorf("a later version is refused: %v", err)
	}
	other := recipe(wire.Float32)
	other.ModelID, other.ModelDigest = "other@v1", "def"
	err = f.Put(t.Context(), vectors(other, 0, 3), nil)
	if err == nil || !strings.Contains(err.Error(), "other@v1") {
		t.Errorf("another model: %v", err)
	}
}

func TestNoRowsNoFile(t *testing.T) {
	dir := t.TempDir()
	store(t, filepath.Join(dir, "x.parquet"), recipe(wire.Float32), 0)
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
	if _, err := Create(filepath.Join(dir, "x.csv"), Options{}); err == nil {
		t.Error("an unknown extension is accepted")
	}
	if _, err := Create(filepath.Join(dir, "none", "x.npy"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder that is not there: %v", err)
	}
}
