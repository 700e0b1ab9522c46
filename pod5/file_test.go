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
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loadBytes(data []byte) (*File, error) {
	return load(bytes.NewReader(data), int64(len(data)), "dir/test.pod5")
}

// TestLayouts reads the same reads from every pod5test.Layout.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout pod5test.Layout
	}{
		{"v0", pod5test.Layout{Version: 0}},
		{"v1", pod5test.Layout{Version: 1}},
		{"v2", pod5test.Layout{Version: 2}},
		{"v2 without num_samples", pod5test.Layout{Version: 2, NoSamples: true}},
		{"v3", pod5test.Layout{Version: 3}},
		{"v3 with runs in a dictionary", pod5test.Layout{Version: 3, NoRunTable: true}},
		{"v3 without num_samples", pod5test.Layout{Version: 3, NoSamples: true}},
		{"v4", pod5test.Layout{Version: 4}},
		{"v0 with deltas", pod5test.Layout{Version: 0, Deltas: true}},
		{"v4 with deltas", pod5test.Layout{Version: 4, Deltas: true}},
		{"misaligned", pod5test.Layout{Version: 4, Misaligned: true}},
		{"interleaved rows", pod5test.Layout{Version: 4, Interleave: true}},
		{"orphan rows", pod5test.Layout{Version: 4, Orphans: true, Interleave: true}},
		{"uncompressed", pod5test.Layout{Version: 4, Plain: true}},
		{"one batch", pod5test.Layout{Version: 4, BatchRows: []int{1000}}},
		{"batches of one row", pod5test.Layout{Version: 4, BatchRows: []int{1}}},
		{"batches of many lengths", pod5test.Layout{Version: 4, BatchRows: []int{2, 5, 1, 4, 2}}},
		{"second batch longer", pod5test.Layout{Version: 4, BatchRows: []int{2, 3}, Interleave: true}},
		{"wide integers", pod5test.Layout{Version: 4, Wide: true}},
		{"wide integers, v1", pod5test.Layout{Version: 1, Wide: true}},
		{"unknown columns and contents", pod5test.Layout{Version: 4, Extra: true}},
		{"null median", pod5test.Layout{Version: 4, NullsAt: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := pod5test.Reads(14)
			f, err := loadBytes(c.layout.Build(want))
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
				if c.layout.Version < 4 {
					w.OpenPorePA = nan
				}
				if c.layout.NullsAt == i && i > 0 {
					w.MedianBeforePA = nan
				}
				if diff := gocmp.Diff(w.Read, got.Read, equalFloats); diff != "" {
					t.Errorf("read %d (-want +got):\n%s", i, diff)
				}
				samples, err := f.Signal(got, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(samples, w.All()) {
					t.Errorf("read %d: samples %v, want %v", i, samples, w.All())
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
		layout pod5test.Layout
		is     error
		says   string
	}{
		{"unknown codec", pod5test.Layout{Codec: "minknow.pdz"}, ErrUnsupported, "minknow.pdz"},
		{"end of another file", pod5test.Layout{Marker: func(m []byte) { m[3]++ }}, ErrCorrupt, "section markers"},
		{"negative length", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 0)[1] = int64(-5) }}, ErrCorrupt, "outside of the file"},
		{"huge length", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 1)[1] = int64(math.MaxInt64) }}, ErrCorrupt, "outside of the file"},
		{"huge offset", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 1)[0] = int64(math.MaxInt64 - 3) }}, ErrCorrupt, "outside of the file"},
		{"no reads table", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 2)[3] = int16(2) }}, ErrCorrupt, "no reads table"},
		{"no signal table", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 0)[3] = int16(2) }}, ErrCorrupt, "no signal table"},
		{"no table at all", pod5test.Layout{Footer: func(f flatbuf.Fields) { f[3] = nil }}, ErrCorrupt, "no signal table"},
		{"table is no table", pod5test.Layout{Footer: func(f flatbuf.Fields) { table(f, 2)[0] = int64(25) }}, ErrCorrupt, "reads table"},
		{"index beyond the dictionary", pod5test.Layout{Index: 1000}, ErrCorrupt, "dictionary of"},
		{"negative index", pod5test.Layout{Index: -1000}, ErrCorrupt, "dictionary of"},
		{"run not described", pod5test.Layout{RunsTable: func([]*signal.Run) []*signal.Run { return nil }}, ErrCorrupt, "run info table"},
		{"too few samples in a row", pod5test.Layout{Claim: func(_, n int) int { return n - 1 }, NoSamples: true}, ErrCorrupt, "damaged"},
		{"too many samples in a row", pod5test.Layout{Claim: func(_, n int) int { return n + 9 }, NoSamples: true}, ErrCorrupt, "damaged"},
		{"absurdly many samples", pod5test.Layout{Claim: func(int, int) int { return math.MaxUint32 }}, ErrCorrupt, "claims 4294967295 samples"},
		{"plain row of another length", pod5test.Layout{Plain: true, Claim: func(_, n int) int { return n + 1 }}, ErrCorrupt, "samples in"},
		{"sum is not num_samples", pod5test.Layout{Total: func(_ int, n uint64) uint64 { return n + 1 }}, ErrCorrupt, "its rows hold"},
		{"broken frame", pod5test.Layout{Frame: func(_ int, f []byte) []byte { return f[:len(f)-1] }}, ErrCorrupt, "zstd"},
		{"no frame", pod5test.Layout{Frame: func(int, []byte) []byte { return nil }}, ErrCorrupt, "zstd"},
		{"frame of 4 GB", pod5test.Layout{Frame: func(int, []byte) []byte {
			// Magic, a descriptor of a single segment with 8 bytes of content size.
			return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 20)...)
		}}, ErrCorrupt, "4294967296 bytes cannot hold"},
		{"row of another read", pod5test.Layout{Owner: func(int, signal.ReadID) signal.ReadID { return signal.ReadID{9} }}, ErrCorrupt, "belongs to read 09000000"},
		{"row that is not there", pod5test.Layout{Rows: func(int, []uint64) []uint64 { return []uint64{1 << 40} }}, ErrCorrupt, "no signal row"},
		{"row named twice", pod5test.Layout{Rows: func(_ int, r []uint64) []uint64 { return append(r, 3, 3) }}, ErrCorrupt, "do not rise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.layout.Version = 4
			var faults []error
			f, err := loadBytes(c.layout.Build(pod5test.Reads(14)))
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
	whole := pod5test.Layout{Version: 4}.Build(pod5test.Reads(5))
	for n := range whole {
		_, err := loadBytes(whole[:n])
		want := ErrUnfinished
		if n < len(schema.Signature) {
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
	for _, l := range []pod5test.Layout{{Version: 0}, {Version: 4, Deltas: true}, {Version: 4, Plain: true}} {
		whole := l.Build(pod5test.Reads(6))
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
	whole := pod5test.Layout{Version: 4}.Build(pod5test.Reads(2))
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
	want := pod5test.Reads(14)
	f, err := loadBytes(pod5test.Layout{Version: 4, BatchRows: []int{2, 5, 1}}.Build(want))
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
				if err == nil && !slices.Equal(samples, want[i].All()) {
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
	for _, l := range []pod5test.Layout{{Version: 0}, {Version: 2, Deltas: true}, {Version: 4}, {Version: 4, Plain: true, Wide: true}} {
		f.Add(l.Build(pod5test.Reads(3)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data) })
}
