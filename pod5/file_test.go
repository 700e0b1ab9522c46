package pod5

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loadBytes(data []byte) (*File, error) {
	return load(bytes.NewReader(data), int64(len(data)), "dir/test.pod5")
}

// TestLayouts reads the same reads from every layout.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout layout
	}{
		{"v0", layout{version: 0}},
		{"v1", layout{version: 1}},
		{"v2", layout{version: 2}},
		{"v2 without num_samples", layout{version: 2, noSamples: true}},
		{"v3", layout{version: 3}},
		{"v3 with runs in a dictionary", layout{version: 3, noRunTable: true}},
		{"v3 without num_samples", layout{version: 3, noSamples: true}},
		{"v4", layout{version: 4}},
		{"v0 with deltas", layout{version: 0, deltas: true}},
		{"v4 with deltas", layout{version: 4, deltas: true}},
		{"misaligned", layout{version: 4, misaligned: true}},
		{"interleaved rows", layout{version: 4, interleave: true}},
		{"orphan rows", layout{version: 4, orphans: true, interleave: true}},
		{"uncompressed", layout{version: 4, plain: true}},
		{"one batch", layout{version: 4, batchRows: []int{1000}}},
		{"batches of one row", layout{version: 4, batchRows: []int{1}}},
		{"batches of many lengths", layout{version: 4, batchRows: []int{2, 5, 1, 4, 2}}},
		{"second batch longer", layout{version: 4, batchRows: []int{2, 3}, interleave: true}},
		{"wide integers", layout{version: 4, wide: true}},
		{"wide integers, v1", layout{version: 1, wide: true}},
		{"unknown columns and contents", layout{version: 4, extra: true}},
		{"null median", layout{version: 4, nullsAt: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := someReads(14)
			f, err := loadBytes(c.layout.build(t, want))
			if err != nil {
				t.Fatal(err)
			}
			if f.NumReads() != len(want) || len(f.Runs()) != 2 {
				t.Errorf("%d reads of %d runs, want %d of 2", f.NumReads(), len(f.Runs()), len(want))
			}
			i := 0
			for got, err := range f.Reads() {
				if err != nil {
					t.Fatal(err)
				}
				w := want[i]
				w.Path = "dir/test.pod5"
				w.Origin = signal.Origin{Source: "test.pod5#0102030405060708090a0b0c0d0e0f10", Ordinal: uint64(i)}
				if c.layout.version < 4 {
					w.OpenPorePA = nan
				}
				if c.layout.nullsAt == i && i > 0 {
					w.MedianBeforePA = nan
				}
				if diff := gocmp.Diff(w.Read, got.Read, equalFloats); diff != "" {
					t.Errorf("read %d (-want +got):\n%s", i, diff)
				}
				samples, err := f.Signal(got, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(samples, w.samples()) {
					t.Errorf("read %d: samples %v, want %v", i, samples, w.samples())
				}
				i++
			}
			if i != len(want) {
				t.Errorf("%d reads, want %d", i, len(want))
			}
		})
	}
}

var equalFloats = gocmp.Comparer(func(a, b float32) bool {
	return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
})

// TestHostileFiles checks that each kind of damage is named.
func TestHostileFiles(t *testing.T) {
	table := func(root flatbuf.Fields, i int) flatbuf.Fields { return root[3].([]flatbuf.Fields)[i] }
	for _, c := range []struct {
		name   string
		layout layout
		is     error
		says   string
	}{
		{"unknown codec", layout{codec: "minknow.pdz"}, ErrUnsupported, "minknow.pdz"},
		{"end of another file", layout{marker: func(m []byte) { m[3]++ }}, ErrCorrupt, "section markers"},
		{"negative length", layout{footer: func(f flatbuf.Fields) { table(f, 0)[1] = int64(-5) }}, ErrCorrupt, "outside of the file"},
		{"huge length", layout{footer: func(f flatbuf.Fields) { table(f, 1)[1] = int64(math.MaxInt64) }}, ErrCorrupt, "outside of the file"},
		{"huge offset", layout{footer: func(f flatbuf.Fields) { table(f, 1)[0] = int64(math.MaxInt64 - 3) }}, ErrCorrupt, "outside of the file"},
		{"no reads table", layout{footer: func(f flatbuf.Fields) { table(f, 2)[3] = int16(2) }}, ErrCorrupt, "no reads table"},
		{"no signal table", layout{footer: func(f flatbuf.Fields) { table(f, 0)[3] = int16(2) }}, ErrCorrupt, "no signal table"},
		{"no table at all", layout{footer: func(f flatbuf.Fields) { f[3] = nil }}, ErrCorrupt, "no signal table"},
		{"table is no table", layout{footer: func(f flatbuf.Fields) { table(f, 2)[0] = int64(25) }}, ErrCorrupt, "reads table"},
		{"index beyond the dictionary", layout{index: 1000}, ErrCorrupt, "dictionary of"},
		{"negative index", layout{index: -1000}, ErrCorrupt, "dictionary of"},
		{"run not described", layout{runsTable: func([]*signal.Run) []*signal.Run { return nil }}, ErrCorrupt, "run info table"},
		{"too few samples in a row", layout{claim: func(_, n int) int { return n - 1 }, noSamples: true}, ErrCorrupt, "damaged"},
		{"too many samples in a row", layout{claim: func(_, n int) int { return n + 9 }, noSamples: true}, ErrCorrupt, "damaged"},
		{"absurdly many samples", layout{claim: func(int, int) int { return math.MaxUint32 }}, ErrCorrupt, "claims 4294967295 samples"},
		{"plain row of another length", layout{plain: true, claim: func(_, n int) int { return n + 1 }}, ErrCorrupt, "samples in"},
		{"sum is not num_samples", layout{total: func(_ int, n uint64) uint64 { return n + 1 }}, ErrCorrupt, "its rows hold"},
		{"broken frame", layout{frame: func(_ int, f []byte) []byte { return f[:len(f)-1] }}, ErrCorrupt, "zstd"},
		{"no frame", layout{frame: func(int, []byte) []byte { return nil }}, ErrCorrupt, "zstd"},
		{"frame of 4 GB", layout{frame: func(int, []byte) []byte {
			// Magic, a descriptor of a single segment with 8 bytes of content size.
			return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 20)...)
		}}, ErrCorrupt, "4294967296 bytes cannot hold"},
		{"row of another read", layout{owner: func(int, signal.ReadID) signal.ReadID { return signal.ReadID{9} }}, ErrCorrupt, "belongs to read 09000000"},
		{"row that is not there", layout{rows: func(int, []uint64) []uint64 { return []uint64{1 << 40} }}, ErrCorrupt, "no signal row"},
		{"row named twice", layout{rows: func(_ int, r []uint64) []uint64 { return append(r, 3, 3) }}, ErrCorrupt, "do not rise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.layout.version = 4
			var faults []error
			f, err := loadBytes(c.layout.build(t, someReads(14)))
			if err != nil {
				faults = append(faults, err)
			} else {
				for read, err := range f.Reads() {
					if err == nil {
						_, err = f.Signal(read, nil)
					}
					if err != nil {
						faults = append(faults, err)
						var e *signal.Error
						if !errors.As(err, &e) || e.Class != signal.Corrupt || e.ReadID == "" || e.File == "" {
							t.Errorf("%v does not name class, read and file", err)
						}
					}
				}
			}
			if len(faults) == 0 {
				t.Fatal("nobody noticed")
			}
			if err := faults[0]; !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want %q with %q", err, c.is, c.says)
			}
		})
	}
}

// TestTruncated cuts a file at every length.
func TestTruncated(t *testing.T) {
	whole := layout{version: 4}.build(t, someReads(5))
	for n := range whole {
		_, err := loadBytes(whole[:n])
		want := ErrUnfinished
		if n < len(signature) {
			want = ErrNotPOD5
		}
		if !errors.Is(err, want) {
			t.Fatalf("cut at %d of %d: %v, want %v", n, len(whole), err, want)
		}
	}
}

// TestFlippedBytes damages each byte of a file: whatever happens, it must be an
// error or data, and cost no memory that a file of this size could not fill.
func TestFlippedBytes(t *testing.T) {
	const step = 2 // the fuzzer goes further
	for _, l := range []layout{{version: 0}, {version: 4, deltas: true}, {version: 4, plain: true}} {
		whole := l.build(t, someReads(6))
		readAll(t, whole)
		for i := 0; i < len(whole); i += step {
			data := bytes.Clone(whole)
			data[i] ^= []byte{0x01, 0x80, 0xff}[i/step%3]
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			readAll(t, data)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Fatalf("byte %d of %d: %d bytes allocated", i, len(whole), used)
			}
		}
	}
}

// readAll goes through all of a file and checks that errors are of the right kind.
func readAll(t testing.TB, data []byte) {
	f, err := loadBytes(data)
	if err != nil {
		return
	}
	var buf []int16
	for read, err := range f.Reads() {
		if err == nil {
			buf, err = f.Signal(read, buf[:0])
		}
		if err != nil && signal.ClassOf(err) != signal.Corrupt {
			t.Fatalf("%v is of class %v", err, signal.ClassOf(err))
		}
		if err == nil && uint64(len(buf)) != read.Samples {
			t.Fatalf("%d samples of a read of %d", len(buf), read.Samples)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := layout{version: 4}.build(t, someReads(2))
	longFooter := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(longFooter[len(whole)-tailSize:], math.MaxUint64/2)
	negative := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(negative[len(whole)-tailSize:], 1<<63)
	for _, c := range []struct {
		name, path string
		is         error
		class      signal.Class
	}{
		{"missing", filepath.Join(dir, "missing.pod5"), fs.ErrNotExist, signal.Fatal},
		{"folder", dir, ErrNotPOD5, signal.Corrupt},
		{"empty", write("empty.pod5", nil), ErrNotPOD5, signal.Corrupt},
		{"foreign", write("foreign.pod5", bytes.Repeat([]byte("ACGT"), 100)), ErrNotPOD5, signal.Corrupt},
		{"cut", write("cut.pod5", whole[:len(whole)/2]), ErrUnfinished, signal.Corrupt},
		{"footer too long", write("footer.pod5", longFooter), ErrCorrupt, signal.Corrupt},
		{"footer of negative length", write("negative.pod5", negative), ErrCorrupt, signal.Corrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.path)
			var e *signal.Error
			if !errors.Is(err, c.is) || !errors.As(err, &e) || e.Class != c.class || e.File != c.path {
				t.Errorf("got %v, want %v of class %v", err, c.is, c.class)
			}
		})
	}
}

// TestRowsOfManyGoroutines is of interest to the race detector.
func TestRowsOfManyGoroutines(t *testing.T) {
	want := someReads(14)
	f, err := loadBytes(layout{version: 4, batchRows: []int{2, 5, 1}}.build(t, want))
	if err != nil {
		t.Fatal(err)
	}
	faults := make(chan error)
	const workers = 4
	for range workers {
		go func() {
			i := 0
			var fault error
			for read, err := range f.Reads() {
				var samples []int16
				if err == nil {
					samples, err = f.Signal(read, nil)
				}
				if err == nil && !slices.Equal(samples, want[i].samples()) {
					err = errors.New("other samples")
				}
				fault = cmp.Or(fault, err)
				i++
			}
			faults <- fault
		}()
	}
	for range workers {
		if err := <-faults; err != nil {
			t.Error(err)
		}
	}
}

// FuzzOpen reads whatever it is given.
func FuzzOpen(f *testing.F) {
	for _, l := range []layout{{version: 0}, {version: 2, deltas: true}, {version: 4}, {version: 4, plain: true, wide: true}} {
		f.Add(l.build(f, someReads(3)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data) })
}
