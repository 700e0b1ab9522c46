package arrowipc

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// byArrow writes a table with the Arrow library: columns that we load among
// columns that we only step over, with nulls.
func byArrow(t testing.TB) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "skipped", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "number", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "double", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "map", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String), Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "bytes", Type: arrow.BinaryTypes.LargeBinary, Nullable: true},
		{Name: "void", Type: arrow.Null, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint64), Nullable: true},
		{Name: "text", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	var out bytes.Buffer
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 21 {
		skipped := b.Field(0).(*array.ListBuilder)
		skipped.Append(true)
		skipped.ValueBuilder().(*array.StringBuilder).Append("x")
		if i%5 == 4 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int32Builder).Append(int32(-i))
		}
		b.Field(2).(*array.Date32Builder).Append(1)
		b.Field(3).(*array.Float64Builder).Append(float64(i) / 2)
		m := b.Field(4).(*array.MapBuilder)
		m.Append(true)
		for range i % 3 {
			m.KeyBuilder().(*array.StringBuilder).Append("k")
			m.ItemBuilder().(*array.StringBuilder).Append("v")
		}
		b.Field(5).(*array.BooleanBuilder).Append(i%3 == 0)
		b.Field(6).(*array.BinaryBuilder).Append(bytes.Repeat([]byte{byte(i)}, i))
		b.Field(7).AppendNull()
		l := b.Field(8).(*array.ListBuilder)
		l.Append(true)
		for k := range i % 4 {
			l.ValueBuilder().(*array.Uint64Builder).Append(uint64(100*i + k))
		}
		if err := b.Field(9).(*array.BinaryDictionaryBuilder).AppendString([]string{"one", "two", "three"}[i%3]); err != nil {
			t.Fatal(err)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	for range 2 {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLoadsWhatArrowWrote loads every range of rows of a table of the Arrow library.
func TestLoadsWhatArrowWrote(t *testing.T) {
	data := append([]byte("before"), byArrow(t)...)
	f, err := Open(bytes.NewReader(data), 6, int64(len(data)-6))
	if err != nil {
		t.Fatal(err)
	}
	if f.Batches() != 2 {
		t.Fatalf("%d batches", f.Batches())
	}
	batch, err := f.Batch(1)
	if err != nil {
		t.Fatal(err)
	}
	if batch.Rows != 21 {
		t.Fatalf("%d rows", batch.Rows)
	}
	dict, err := f.Dictionary(f.Column("text"))
	if err != nil || len(dict) != 1 {
		t.Fatal(dict, err)
	}
	for start := range int64(21) {
		for _, n := range []int64{0, 1, 21 - start} {
			load := func(name string) *Array {
				t.Helper()
				a, err := batch.Load(f.Column(name), start, n)
				if err != nil {
					t.Fatalf("%s, rows %d+%d: %v", name, start, n, err)
				}
				return a
			}
			number, double, flag, raw, text := load("number"), load("double"), load("flag"), load("bytes"), load("text")
			maps, lists := load("map"), load("list")
			extents, err := batch.Extents(f.Column("bytes"), start, n)
			if err != nil {
				t.Fatal(err)
			}
			listed, err := batch.Extents(f.Column("list"), start, n)
			if err != nil {
				t.Fatal(err)
			}
			for k := range int(n) {
				i := int(start) + k
				if number.Null(k) != (i%5 == 4) || !number.Null(k) && number.Int(k) != int64(-i) {
					t.Errorf("row %d: number %d, null %v", i, number.Int(k), number.Null(k))
				}
				if double.Float(k) != float64(i)/2 || flag.Bool(k) != (i%3 == 0) {
					t.Errorf("row %d: %g, %v", i, double.Float(k), flag.Bool(k))
				}
				want := bytes.Repeat([]byte{byte(i)}, i)
				e := extents[k]
				if !bytes.Equal(raw.Bytes(k), want) || !bytes.Equal(data[e.Offset:e.Offset+e.Length], want) {
					t.Errorf("row %d: bytes % x", i, raw.Bytes(k))
				}
				if got := string(dict[0].Bytes(int(text.Int(k)))); got != []string{"one", "two", "three"}[i%3] {
					t.Errorf("row %d: text %q", i, got)
				}
				if from, to := maps.List(k); to-from != i%3 || to > from && string(maps.Values().Child("value").Bytes(from)) != "v" {
					t.Errorf("row %d: %d entries", i, to-from)
				}
				from, to := lists.List(k)
				if to-from != i%4 || listed[k].Length != int64(8*(to-from)) {
					t.Errorf("row %d: list of %d", i, to-from)
				}
				for j := from; j < to; j++ {
					if got := lists.Values().Int(j); got != int64(100*i+j-from) {
						t.Errorf("row %d: element %d", i, got)
					}
				}
			}
		}
	}
	for _, bad := range [][2]int64{{0, 22}, {21, 1}, {-1, 1}, {1, math.MaxInt64}, {math.MaxInt64, 1}} {
		if _, err := batch.Load(f.Column("number"), bad[0], bad[1]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("rows %v: %v", bad, err)
		}
		if _, err := batch.Extents(f.Column("bytes"), bad[0], bad[1]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("extents of rows %v: %v", bad, err)
		}
	}
	if _, err := batch.Load(f.Column("day"), 0, 1); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a date was loaded: %v", err)
	}
}

// TestRefusesCompression has the Arrow library compress the body.
func TestRefusesCompression(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(slices.Repeat([]int64{7}, 1000), nil)
	var out bytes.Buffer
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema), ipc.WithZstd())
	if err != nil {
		t.Fatal(err)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := errors.Join(w.Write(batch), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(out.Bytes()), 0, int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Batch(0); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// FuzzTable loads all columns of whatever it is given.
func FuzzTable(f *testing.F) {
	f.Add(byArrow(f))
	f.Add(byUs(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Open(bytes.NewReader(data), 0, int64(len(data)))
		if err != nil {
			return
		}
		for _, column := range table.root.Children {
			if column.Dictionary != nil {
				parts, _ := table.Dictionary(column)
				for _, a := range parts {
					touch(a)
				}
			}
			for i := range table.Batches() {
				batch, err := table.Batch(i)
				if err != nil {
					continue
				}
				for start := int64(0); start < min(batch.Rows, 100); start += 7 {
					if a, err := batch.Load(column, start, min(7, batch.Rows-start)); err == nil {
						touch(a)
					}
					extents, _ := batch.Extents(column, start, min(7, batch.Rows-start))
					for _, e := range extents {
						if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > int64(len(data)) {
							t.Fatalf("extent %+v of %d bytes", e, len(data))
						}
					}
				}
			}
		}
	})
}

// byUs writes a small table of every kind that Writer knows.
func byUs(t testing.TB) []byte {
	t.Helper()
	text := &Field{Name: "value", Kind: Utf8}
	fields := []*Field{
		{Name: "id", Kind: FixedBinary, Width: 16, Extension: "minknow.uuid"},
		{Name: "time", Kind: Timestamp, Width: 8, Signed: true, Unit: Milliseconds},
		{Name: "text", Kind: Int, Width: 2, Signed: true, DictionaryID: 5, Dictionary: text},
		{Name: "list", Kind: LargeList, Children: []*Field{{Name: "item", Kind: Int, Width: 2, Signed: true}}},
	}
	var out bytes.Buffer
	w := NewWriter(&out, fields, []KeyValue{{"a", "b"}})
	var columns []*Column
	for _, f := range fields {
		columns = append(columns, NewColumn(f))
	}
	for i := range 3 {
		columns[0].Bytes(make([]byte, 16))
		columns[1].Int(int64(i))
		columns[2].Int(int64(i % 2))
		columns[3].Child(0).Int(-1)
		columns[3].List()
	}
	for i, v := range []string{"x", "y"} {
		values := NewColumn(text)
		values.Text(v)
		w.Dictionary(5, values, i > 0)
	}
	w.Batch(columns)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// touch reads all values of an array.
func touch(a *Array) {
	for i := range a.Len() {
		a.Null(i)
		switch a.field.Kind {
		case Int, Timestamp:
			a.Int(i)
		case Float:
			a.Float(i)
		case Bool:
			a.Bool(i)
		case Utf8, LargeBinary, FixedBinary:
			a.Bytes(i)
		case List, LargeList, Map:
			a.List(i)
		}
	}
	for _, c := range a.children {
		if c != nil {
			touch(c)
		}
	}
}
