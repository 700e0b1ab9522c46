package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// read gives all rows of a file as one batch per run.
func read(path string) (batches []*wire.Batch, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return batches, nil
		}
		if err != nil {
			return nil, err
		}
		batches = gatherRun(batches, b)
	}
}

// gatherRun adds rows to those of their run.
func gatherRun(batches []*wire.Batch, b *wire.Batch) []*wire.Batch {
	for _, of := range batches {
		if of.Run.AcquisitionID == b.Run.AcquisitionID {
			for i := range b.Len() {
				of.AppendRow(b.Row(i))
			}
			return batches
		}
	}
	return append(batches, b)
}

func wanted(e *signal.Embedded) (batches []*wire.Batch) {
	for i, c := range e.Chunks {
		b := &wire.Batch{}
		run := *c.Read.Run
		run.Position = "" // the columns do not tell it
		b.Reset(&run, e.Recipe)
		b.Append(c, e.Row(i))
		batches = gatherRun(batches, b)
	}
	return batches
}

func TestReadBack(t *testing.T) {
	for _, ext := range []string{".arrow", ".parquet"} {
		for _, dtype := range []string{wire.Float16, wire.Float32} {
			for _, n := range []int{1, 20_000} {
				path := filepath.Join(t.TempDir(), "x"+ext)
				store(t, path, recipe(dtype), n)
				got, err := read(path)
				if err != nil {
					t.Fatal(err)
				}
				if want := wanted(vectors(recipe(dtype), 0, n)); !reflect.DeepEqual(want, got) { // fast
					t.Errorf("%s, %s, %d rows (-want +got):\n%.2000s", ext, dtype, n, cmp.Diff(want, got))
				}
			}
		}
	}
}

// rewritten are files of vectors that other programs wrote anew: with other
// compression and encodings, as texts and lists of other types, with columns more
// or, as from an older porevec, less. testdata/rewrite.py makes them.
func rewritten(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/float*")
	if err != nil || len(files) < 9 {
		t.Fatal(files, err)
	}
	return files
}

const rewrittenRows = 150

func TestReadRewritten(t *testing.T) {
	for _, path := range rewritten(t) {
		got, err := read(path)
		if err != nil {
			t.Error(err)
			continue
		}
		want := wanted(vectors(recipe(filepath.Base(path)[:len("float16")]), 0, rewrittenRows))
		if strings.Contains(path, "old") {
			for _, b := range want {
				b.Run = &signal.Run{AcquisitionID: b.Run.AcquisitionID}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.2000s", path, diff)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, reason := range map[string]string{
		"x.npy": "which model", "x.ndjson": "which model", "x.parquet.part": "interrupted", "x.csv": "must end in",
		"none.arrow": "no such file", "text.arrow": "no Arrow file", "text.parquet": "no Parquet file", "empty.arrow": "no Arrow file",
		"empty.parquet": "no Parquet file",
	} {
		path := filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(name, "text"):
			if err := os.WriteFile(path, []byte("this is a text and no file of vectors"), 0o644); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(name, "empty"):
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stored gives the bytes of a file.
func stored(t testing.TB, ext, dtype string, n int) []byte {
	path := filepath.Join(t.TempDir(), "x"+ext)
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Put(t.Context(), vectors(recipe(dtype), 0, n), func(error) {}), f.Flush(t.Context()), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readBytes reads a file of the bytes, and checks that rows or an error come.
func readBytes(t testing.TB, path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for rows := 0; rows < 1<<20; { // a small file may tell of many equal rows
		b, err := r.Next()
		if err != nil {
			if b != nil {
				t.Error("a batch comes with an error")
			}
			if _, again := r.Next(); again != err {
				t.Errorf("%v, then %v", err, again)
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		for _, n := range []int{len(b.Channels), len(b.Muxes), len(b.Chunks), len(b.ReadStarts), len(b.ChunkStarts), len(b.Samples), len(b.Flags), len(b.Vectors) / b.Recipe.Dim} {
			if n != b.Len() || n == 0 {
				t.Fatalf("%d values in %d rows", n, b.Len())
			}
		}
		rows += b.Len()
	}
	return nil
}

func TestReadForeign(t *testing.T) {
	for _, ext := range []string{".arrow", ".parquet"} {
		whole := stored(t, ext, wire.Float32, 3)
		path := filepath.Join(t.TempDir(), "x"+ext)
		for reason, names := range map[string][]string{
			"0 columns are called mux":         {"mux", "mix"},
			"column run ":                      {"run", "tmp", "mux", "run", "tmp", "mux"},
			"metadata porevec.schema is missi": {"porevec.schema", "povoreg.schema"},
		} {
			altered := whole
			for i := 0; i < len(names); i += 2 {
				altered = bytes.ReplaceAll(altered, []byte(names[i]), []byte(names[i+1]))
			}
			if err := readBytes(t, path, altered); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: want %q, got %v", ext, reason, err)
			}
		}
	}
}

func TestReadCutOff(t *testing.T) {
	for _, ext := range []string{".arrow", ".parquet"} {
		whole := stored(t, ext, wire.Float16, 300)
		path := filepath.Join(t.TempDir(), "x"+ext)
		for n := 0; n < len(whole); n += 1 + len(whole)/200 {
			if err := readBytes(t, path, whole[:n]); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %d of %d bytes: %v", ext, n, len(whole), err)
			}
		}
	}
}

// Numbers that were altered must not make the reader panic or take much memory.
func TestReadAltered(t *testing.T) {
	files := map[string][]byte{"x.arrow": stored(t, ".arrow", wire.Float32, 20), "x.parquet": stored(t, ".parquet", wire.Float32, 20)}
	for _, path := range rewritten(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = content
	}
	for name, whole := range files {
		path := filepath.Join(t.TempDir(), name)
		var before, after runtime.MemStats
		for at := 0; at < len(whole)-4; at += max(7, len(whole)/150) {
			for _, number := range []uint32{1 << 26, 0xffffffff, 0} {
				altered := bytes.Clone(whole)
				binary.LittleEndian.PutUint32(altered[at:], number)
				runtime.ReadMemStats(&before)
				err := readBytes(t, path, altered)
				runtime.ReadMemStats(&after)
				if used := after.TotalAlloc - before.TotalAlloc; used > 50<<20 {
					t.Errorf("%s: %x at byte %d of %d: %d bytes were allocated (error: %v)", name, number, at, len(whole), used, err)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, dtype := range []string{wire.Float16, wire.Float32} {
		f.Add(false, stored(f, ".arrow", dtype, 3))
		f.Add(true, stored(f, ".parquet", dtype, 3))
		f.Add(true, stored(f, ".parquet", dtype, 150))
	}
	for _, path := range rewritten(f) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(path) == ".parquet", content)
	}
	f.Fuzz(func(t *testing.T, parquet bool, content []byte) {
		name := "x.arrow"
		if parquet {
			name = "x.parquet"
		}
		_ = readBytes(t, filepath.Join(t.TempDir(), name), content)
	})
}

func BenchmarkWrite(b *testing.B) {
	benchmark(b, func(path string, e *signal.Embedded) error {
		f, err := Create(path, Options{})
		if err != nil {
			return err
		}
		return errors.Join(f.Put(b.Context(), e, func(error) {}), f.Flush(b.Context()), f.Close())
	})
}

func BenchmarkRead(b *testing.B) {
	benchmark(b, func(path string, e *signal.Embedded) error {
		r, err := Open(path)
		if err != nil {
			return err
		}
		defer r.Close()
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			return err
		}
		return nil
	})
}

// benchmark works on files of 40,000 rows of 128 dimensions.
func benchmark(b *testing.B, work func(path string, e *signal.Embedded) error) {
	for _, ext := range []string{".arrow", ".parquet"} {
		for _, dtype := range []string{wire.Float16, wire.Float32} {
			b.Run(ext[1:]+"/"+dtype, func(b *testing.B) {
				r := recipe(dtype)
				r.Dim = 128
				e := vectors(r, 0, 40_000)
				random := rand.New(rand.NewPCG(1, 2))
				e.Dim, e.Vectors = r.Dim, make([]float32, len(e.Chunks)*r.Dim)
				for i := range e.Vectors {
					e.Vectors[i] = float32(random.NormFloat64() / 11)
				}
				path := filepath.Join(b.TempDir(), "x"+ext)
				f, err := Create(path, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(f.Put(b.Context(), e, func(error) {}), f.Flush(b.Context()), f.Close()); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := work(path, e); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(e.Chunks)*b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
