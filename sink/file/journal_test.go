package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

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

// A power cut may leave zeros in place of what was never synced: there was no row then.
// Zeros before anything else are no such file.
func TestJournalOfZeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	for size, wanted := range map[int]error{1: nil, len(journalMagic): nil, 100_000: nil, 100_001: errNoJournal} {
		zeros := make([]byte, size)
		if wanted != nil {
			zeros[size-1] = 1
		}
		if err := os.WriteFile(path+".part", zeros, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Create(path, Options{})
		if !errors.Is(err, wanted) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if wanted != nil {
			continue
		}
		if text, err := os.ReadFile(path + ".part"); err != nil || string(text) != journalMagic {
			t.Errorf("%d bytes became %q, %v", size, text, err)
		}
		f.journal.close()
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

// A journal is gone on with for the same input only.
func TestJournalOfAnotherInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	limited := Options{Choice: checkpoint.Choice{Subset: "first ten", MaxChunks: 3}}
	all := replayed(recipe(wire.Float32), 60)
	begin := func(options Options) *File {
		t.Helper()
		f, err := Create(path, options)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := begin(limited)
	if err := errors.Join(f.Put(t.Context(), stretch(all, 0, 30), func(error) {}), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, other := range []checkpoint.Choice{{}, {Subset: "first ten"}, {MaxChunks: 3}, {Subset: "first ten", MaxChunks: 4}} {
		if _, err := Create(path, Options{Choice: other}); err == nil || !strings.Contains(err.Error(), "x.ndjson.part") || !strings.Contains(err.Error(), "--max-chunks-per-read") {
			t.Errorf("%+v goes on with it: %v", other, err)
		}
	}

	f = begin(limited)
	for _, c := range all.Chunks {
		c.Read.Origin.Source = "b.pod5"
	}
	err := errors.Join(f.Put(t.Context(), all, func(error) {}), f.Flush(t.Context()), f.Close())
	if err == nil || !strings.Contains(err.Error(), "a.pod5") || !strings.Contains(err.Error(), "x.ndjson.part") {
		t.Errorf("rows of another file become part of a whole one: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file has its name")
	}
	f = begin(limited) // with both files it becomes whole
	for _, source := range []string{"a.pod5", "b.pod5"} {
		for _, c := range all.Chunks {
			c.Read.Origin.Source = source
		}
		if err := f.Put(t.Context(), all, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
		t.Fatal(err)
	}
	if rows, err := os.ReadFile(path); err != nil || bytes.Count(rows, []byte("\n")) != 120 {
		t.Errorf("%d rows, %v", bytes.Count(rows, []byte("\n")), err)
	}
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
