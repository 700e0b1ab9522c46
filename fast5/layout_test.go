package fast5

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/fast5/fast5test"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func loadBytes(data []byte) (*File, error) {
	return load(bytes.NewReader(data), int64(len(data)), "dir/test.fast5")
}

// someReads are reads with what FAST5 can say of them, in the order of their names.
func someReads(n int) []fast5test.Read {
	var reads []fast5test.Read
	for _, r := range pod5test.Reads(n) {
		r.Mux = 1 + r.Mux%4
		if !slices.Contains([]signal.EndReason{signal.EndMuxChange, signal.EndUnblockMuxChange, signal.EndSignalPositive, signal.EndSignalNegative}, r.EndReason) {
			r.EndReason = signal.EndUnknown
		}
		r.EndReasonForced = r.EndReason == signal.EndMuxChange || r.EndReason == signal.EndUnblockMuxChange
		r.OpenPorePA = float32(math.NaN())
		reads = append(reads, fast5test.Read{Read: r.Read, ADC: r.All()})
	}
	slices.SortFunc(reads, func(a, b fast5test.Read) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return reads
}

var layouts = []struct {
	name string
	l    fast5test.Layout
}{
	{"contiguous", fast5test.Layout{}},
	{"chunked, not packed", fast5test.Layout{ChunkLen: 20}},
	{"gzip 1", fast5test.Layout{Packing: fast5test.Gzip}},
	{"gzip 9, chunks", fast5test.Layout{Packing: fast5test.Gzip, Level: 9, ChunkLen: 13}},
	{"shuffle", fast5test.Layout{Packing: fast5test.Shuffled, ChunkLen: 17}},
	{"VBZ 0", fast5test.Layout{Packing: fast5test.VBZ, Reasons: 7}},
	{"VBZ 1, chunks", fast5test.Layout{Packing: fast5test.VBZ, VBZVersion: 1, ChunkLen: 11}},
	{"VBZ without zstd", fast5test.Layout{Packing: fast5test.VBZPlain, ChunkLen: 30}},
	{"short chunk, gzip", fast5test.Layout{Packing: fast5test.Gzip, ShortChunk: true}},
	{"short chunk, VBZ", fast5test.Layout{Packing: fast5test.VBZ, ShortChunk: true}},
	{"null-padded ids", fast5test.Layout{NullPadded: true}},
	{"texts of variable length", fast5test.Layout{Vlen: true, Packing: fast5test.Gzip}},
	{"6 end reasons", fast5test.Layout{Reasons: 6}},
	{"7 end reasons", fast5test.Layout{Reasons: 7}},
	{"linked tags", fast5test.Layout{Linked: true}},
	{"new style", fast5test.Layout{Latest: true, Packing: fast5test.Gzip, ChunkLen: 25, Reasons: 7, Linked: true}},
	{"new style, small", fast5test.Layout{Latest: true, Packing: fast5test.VBZ}},
	{"new style, variable texts", fast5test.Layout{Latest: true, Vlen: true, Packing: fast5test.VBZ}},
}

// TestLayouts reads the same reads from every layout.
func TestLayouts(t *testing.T) {
	for _, c := range layouts {
		t.Run(c.name, func(t *testing.T) {
			want := someReads(14)
			checkReads(t, c.l, want, c.l.Build(want))
			single := c.l
			single.Single = true
			checkReads(t, single, want[3:4], single.Build(want[3:4]))
		})
	}
}

func checkReads(t *testing.T, l fast5test.Layout, want []fast5test.Read, data []byte) {
	t.Helper()
	f, err := loadBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.NumReads() != len(want) || f.Version() != "2.3" {
		t.Errorf("%d reads of version %s", f.NumReads(), f.Version())
	}
	i := 0
	for got, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		samples, err := f.Signal(got, nil)
		if err != nil || !slices.Equal(samples, want[i].ADC) {
			t.Fatalf("read %d: %d samples of %d, %v", i, len(samples), len(want[i].ADC), err)
		}
		w := want[i].Read
		if l.Linked { // the run is then that of the first read, but for its id
			w.Run = got.Run
		}
		if l.Single {
			w.PoreType = "not_set"
		}
		g := got.Read
		if g.ID != w.ID || g.Channel != w.Channel || g.Mux != w.Mux || g.Number != w.Number || g.Start != w.Start || g.Samples != w.Samples ||
			g.Calibration != w.Calibration || g.MedianBeforePA != w.MedianBeforePA || g.EndReason != w.EndReason ||
			g.EndReasonForced != w.EndReasonForced || g.PoreType != w.PoreType || g.Origin.Ordinal != uint64(i) {
			t.Errorf("read %d:\n%+v\n%+v", i, g, w)
		}
		if r, s := g.Run, w.Run; r.AcquisitionID != s.AcquisitionID || r.SampleRateHz != s.SampleRateHz || r.FlowCellID != s.FlowCellID ||
			r.FlowCellProductCode != s.FlowCellProductCode || r.SequencingKit != s.SequencingKit || r.SampleID != s.SampleID ||
			r.Position != s.Position || r.ADCMin != -4096 || r.AcquisitionStart.Unix() != s.AcquisitionStart.Unix() {
			t.Errorf("run %+v\n%+v", *r, *s)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d reads, want %d", i, len(want))
	}
}

func TestReadsByID(t *testing.T) {
	reads := someReads(9)
	f, err := loadBytes(fast5test.Layout{}.Build(reads))
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for r, err := range f.ReadsOf(map[signal.ReadID]struct{}{reads[7].ID: {}, reads[2].ID: {}, {1}: {}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Origin.Ordinal)
	}
	if !slices.Equal(got, []uint64{2, 7}) {
		t.Errorf("reads %v", got)
	}
}

// TestBareSignal reads a file that says nothing of its reads.
func TestBareSignal(t *testing.T) {
	reads := someReads(3)
	f, err := loadBytes(fast5test.Layout{Bare: true, Packing: fast5test.VBZ}.Build(reads))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for r, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		if r.ID != reads[i].ID || r.Run.SampleRateHz != 0 || r.Channel != 0 || !math.IsNaN(float64(r.Calibration.Scale)) {
			t.Errorf("%+v", r.Read)
		}
		i++
	}
}

func TestRefusals(t *testing.T) {
	reads := someReads(5)
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrNotFAST5},
		{"POD5", []byte("\x8bPOD\r\n\x1a\n"), ErrNotFAST5},
		{"signature alone", []byte("\x89HDF\r\n\x1a\n"), ErrCorrupt},
		{"bulk", fast5test.Layout{Bulk: true}.Build(reads), ErrUnsupported},
	} {
		f, err := loadBytes(c.data)
		if err = sorted(err); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", c.name, f, err)
		}
	}
	f, err := loadBytes(fast5test.Layout{Events: true, Single: true}.Build(reads))
	if err != nil || !f.EventOnly() || f.NumReads() != 0 {
		t.Errorf("a file of events: %v", err)
	}
	if f, err = loadBytes(fast5test.Layout{Packing: fast5test.UnknownOne, ChunkLen: 9}.Build(reads)); err != nil {
		t.Fatal(err)
	}
	for r, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.Signal(r, nil); r.Samples > 0 && !errors.Is(err, ErrUnsupported) {
			t.Errorf("an unknown filter: %v", err)
		}
	}
}

// exercise reads all of a file that may be damaged. It must neither panic nor take
// much memory.
func exercise(t testing.TB, data []byte) (samples int) {
	t.Helper()
	f, err := loadBytes(data)
	if err != nil {
		return 0
	}
	f.Runs()
	for r, err := range f.Reads() {
		if err != nil {
			continue
		}
		got, err := f.Signal(r, nil)
		if err == nil && uint64(len(got)) != r.Samples {
			t.Fatalf("%d samples of %d", len(got), r.Samples)
		}
		samples += len(got)
	}
	return samples
}

// TestMutations changes every byte of small files and cuts them at every length;
// of files like others, some.
func TestMutations(t *testing.T) {
	reads := someReads(4)[1:3]
	var before, after runtime.MemStats
	for i, c := range layouts {
		for _, single := range []bool{false, true} {
			l := c.l
			l.Single = single
			whole := l.Build(reads)
			step := 29
			if single && (c.name == "gzip 9, chunks" || c.name == "new style, small") {
				step = 1
			} else if l.Vlen {
				step = 97 // large, since each text has a collection
			}
			runtime.ReadMemStats(&before)
			tried := uint64(0)
			for at := i % step; at < len(whole); at += step {
				data := bytes.Clone(whole)
				data[at] ^= []byte{0x01, 0x80, 0xff}[at/step%3]
				exercise(t, data)
				exercise(t, whole[:at])
				tried += 2
			}
			runtime.ReadMemStats(&after)
			if per := (after.TotalAlloc - before.TotalAlloc) / tried; per > 4<<20 {
				t.Errorf("%s: %d bytes allocated for a file of %d", c.name, per, len(whole))
			}
		}
	}
}

// FuzzOpen reads anything.
func FuzzOpen(f *testing.F) {
	reads := someReads(4)[1:3]
	for _, c := range layouts {
		f.Add(c.l.Build(reads))
	}
	f.Fuzz(func(t *testing.T, data []byte) { exercise(t, data) })
}
