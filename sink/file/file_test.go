package file

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// A file that was not finished leaves the one before untouched, and is gone on with:
// what is in its journal is not taken again.
func TestInterrupted(t *testing.T) {
	for _, name := range []string{"x.parquet", "x.arrow", "x.npy", "x.ndjson"} {
		dir := t.TempDir()
		path, undisturbed := filepath.Join(dir, name), filepath.Join(dir, "undisturbed-"+name)
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		all := replayed(recipe(wire.Float32), 9000)
		whole(t, undisturbed, all, 9000)
		for k := range 4 {
			f, err := Create(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Resumed() != (k > 0) {
				t.Errorf("try %d: resumed %v", k, f.Resumed())
			}
			for i, c := range all.Chunks {
				if stored, err := f.Stored(t.Context(), all.Recipe, c); err != nil || stored != (i < 2000*k) {
					t.Fatalf("try %d, chunk %d: stored %v, %v", k, i, stored, err)
				}
			}
			settled := 0
			part := 2000 * (k + 1)
			for i := 0; i < part; i += 500 {
				if err := f.Put(t.Context(), stretch(all, i, i+500), func(err error) {
					if err == nil {
						settled++
					}
				}); err != nil {
					t.Fatal(err)
				}
			}
			if k%2 == 0 { // interrupted in the middle, or drained
				err = f.Flush(t.Context())
				f.KeepPartial()
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			if settled != part/500 {
				t.Errorf("%d of %d settled", settled, part/500)
			}
			if old, _ := os.ReadFile(path); string(old) != "old" {
				t.Errorf("%s was replaced", name)
			}
			if err := f.Put(t.Context(), stretch(all, 0, 1), nil); err == nil {
				t.Error("a closed file accepts")
			}
		}
		whole(t, path, all, 9000)
		noParts(t, dir)
		sameRows(t, undisturbed, path)
	}
}

// replayed are rows as a replay of one file gives them.
func replayed(r *signal.Recipe, n int) *signal.Embedded {
	e := &signal.Embedded{Recipe: r, Dim: r.Dim}
	for i := range n {
		read := &signal.Read{Run: runs[0], Channel: uint16(i / 3 % 512), Mux: 1, Start: uint64(i / 3 * 100), Origin: signal.Origin{Source: "a.pod5", Ordinal: uint64(i / 3)}}
		copy(read.ID[:], fmt.Sprintf("%016d", i/3))
		e.Chunks = append(e.Chunks, signal.Chunk{Read: read, Index: uint32(i % 3), Start: uint64(i%3) * 4096, Samples: 4096})
		e.Vectors = append(e.Vectors, float32(i), 0.5, -1, 0)
	}
	return e
}

// stretch are rows [from, to).
func stretch(e *signal.Embedded, from, to int) *signal.Embedded {
	return &signal.Embedded{Recipe: e.Recipe, Dim: e.Dim, Chunks: e.Chunks[from:to], Vectors: e.Vectors[from*e.Dim : to*e.Dim]}
}

// whole makes a file of the first n rows.
func whole(t *testing.T, path string, e *signal.Embedded, n int) {
	t.Helper()
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 1000 {
		if err := f.Put(t.Context(), stretch(e, i, min(i+1000, n)), func(err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// sameRows compares files: those of NumPy and JSON byte by byte, the others row by row,
// since their blocks may be cut elsewhere.
func sameRows(t *testing.T, a, b string) {
	t.Helper()
	if ext := filepath.Ext(a); ext == ".npy" || ext == ".ndjson" {
		for _, path := range []string{a, b} {
			text, err := os.ReadFile(path)
			if err != nil || len(text) < 100_000 {
				t.Fatalf("%s: %d bytes, %v", path, len(text), err)
			}
		}
		left, _ := os.ReadFile(a)
		right, _ := os.ReadFile(b)
		if !bytes.Equal(left, right) {
			t.Errorf("%s and %s differ", a, b)
		}
		return
	}
	var rows [2][]wire.Row
	for i, path := range []string{a, b} {
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			batch, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for k := range batch.Len() {
				row := batch.Row(k)
				row.Vector = slices.Clone(row.Vector)
				rows[i] = append(rows[i], row)
			}
		}
	}
	if d := cmp.Diff(rows[0], rows[1]); d != "" || len(rows[0]) < 1000 {
		t.Errorf("%s has %d rows, %s differs:\n%s", a, len(rows[0]), b, d)
	}
}

// Whatever is left of a journal's last record, the ones before count, and the rest comes
// again.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	all := replayed(recipe(wire.Float16), 60)
	undisturbed, path := filepath.Join(dir, "undisturbed.ndjson"), filepath.Join(dir, "x.ndjson")
	whole(t, undisturbed, all, 60)
	want, err := os.ReadFile(undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	for i := 0; i < 60; i += 20 {
		if err := f.Put(t.Context(), stretch(all, i, i+20), func(error) {}); err != nil {
			t.Fatal(err)
		}
		f.sync()
		ends = append(ends, f.journal.size)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	intact, err := os.ReadFile(path + ".part")
	if err != nil || int64(len(intact)) != ends[2] {
		t.Fatal(len(intact), err)
	}
	for n := range len(intact) + 1 {
		for _, spoil := range []bool{false, true} { // cut off, or the last byte is another
			torn := slices.Clone(intact[:n])
			if spoil && n > len(journalMagic) {
				torn[n-1] ^= 0x10
			}
			if err := os.WriteFile(path+".part", torn, 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Create(path, Options{})
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			if kept := f.journal.size; kept > int64(max(n, len(journalMagic))) || kept < int64(n)-(ends[1]-ends[0])-10 && n > len(journalMagic) {
				t.Fatalf("of %d bytes %d are kept", n, kept)
			}
			if n%97 != 0 { // the whole way only now and then
				f.journal.close()
				continue
			}
			if err := f.Put(t.Context(), all, func(error) {}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: the file differs, %v", n, err)
			}
		}
	}
}

// FuzzJournal reads anything as a journal: no panic, and no more memory than the file
// justifies.
func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.parquet.part")
	j, err := openJournal(path, true, nil)
	if err != nil {
		f.Fatal(err)
	}
	all := replayed(recipe(wire.Float16), 6)
	var b wire.Batch
	b.Reset(runs[0], all.Recipe)
	for i, c := range all.Chunks {
		b.Append(c, all.Row(i))
	}
	if err := errors.Join(j.append("a.pod5/0.0-1.2/abc/w4096h4096d4/float16", &b, runs[0]), j.append("", &b, runs[0]), j.close()); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Add([]byte(journalMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err := readJournal(bytes.NewReader(data), int64(len(data)), func(record, *wire.Batch) error { return nil })
		if whole > int64(len(data)) || err == nil && whole < int64(len(journalMagic)) {
			t.Errorf("%d of %d bytes are whole, %v", whole, len(data), err)
		}
	})
}

func TestJournalOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path+".part", []byte("PAR1 and more of what an older porevec left"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, Options{}); !errors.Is(err, errNoJournal) {
		t.Errorf("%v", err)
	}
	f, err := Create(path, Options{Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, Options{}); err == nil || !strings.Contains(err.Error(), "another porevec writes it") {
		t.Errorf("a second writer: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	noParts(t, filepath.Dir(path))
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

// The vector of a read is the mean of its chunks' vectors, of length 1.
func TestPool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	f, err := Create(path, Options{Pool: wire.PoolMean})
	if err != nil {
		t.Fatal(err)
	}
	r := recipe(wire.Float32)
	e := &signal.Embedded{Recipe: r, Dim: dim}
	add := func(channel uint16, id byte, chunk uint32, start uint64, flags signal.Flags, vector ...float32) {
		read := &signal.Read{ID: signal.ReadID{id}, Run: runs[0], Channel: channel, Start: uint64(id) * 1000}
		e.Chunks = append(e.Chunks, signal.Chunk{Read: read, Index: chunk, Start: start, Samples: 4096, Flags: flags})
		e.Vectors = append(e.Vectors, vector...)
	}
	add(1, 1, 0, 2000, 0, 1, 0, 0, 0)
	add(2, 2, 4, 9000, signal.FlagHeadMissing, 0, 0, 1, 0) // on another channel
	add(1, 1, 1, 6096, 0, 0, 1, 0, 0)
	add(1, 1, 2, 8096, signal.FlagTail, 0, 1, 0, 0) // overlaps
	add(1, 3, 0, 2000, 0, 0, 0, 0.6, 0.8)           // so the first one is over
	add(3, 4, 0, 2000, 0, 1, 0, 0, 0)
	add(3, 4, 1, 6096, 0, -1, 0, 0, 0) // no direction
	if err := f.Put(t.Context(), e, func(error) {}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type pooled struct {
		ReadID     string    `json:"read_id"`
		Chunk      int       `json:"chunk"`
		ChunkStart int       `json:"chunk_start"`
		Samples    int       `json:"samples"`
		Embedding  []float64 `json:"embedding"`
	}
	var got []pooled
	for line := range strings.Lines(string(text)) {
		var p pooled
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	id := func(n int) string { return fmt.Sprintf("%02d000000-0000-0000-0000-000000000000", n) }
	want := []pooled{
		{id(1), 0, 2000, 4096 + 4096 + 2000, []float64{1 / math.Sqrt(5), 2 / math.Sqrt(5), 0, 0}},
		{id(2), 0, 9000, 4096, []float64{0, 0, 1, 0}},
		{id(3), 0, 2000, 4096, []float64{0, 0, 0.6, 0.8}},
		{id(4), 0, 2000, 8192, []float64{0, 0, 0, 0}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Files of pooled vectors are refused where those of chunks are wanted.
func TestPooledIsRefused(t *testing.T) {
	for _, name := range []string{"x.parquet", "x.arrow"} {
		path := filepath.Join(t.TempDir(), name)
		f, err := Create(path, Options{Pool: wire.PoolMean})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Put(t.Context(), replayed(recipe(wire.Float16), 9), func(error) {}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "one vector per read") {
			t.Errorf("%s: %v", name, err)
		}
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
