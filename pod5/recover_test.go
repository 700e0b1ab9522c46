package pod5

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

// savedReads stands in for a Writer.
type savedReads struct {
	reads   []*signal.Read
	samples [][]int16
}

func (s *savedReads) AddPieces(read *signal.Read, pieces iter.Seq[[]int16]) error {
	var samples []int16
	for piece := range pieces {
		samples = append(samples, piece...)
	}
	s.reads, s.samples = append(s.reads, read), append(s.samples, samples)
	return nil
}

func (s *savedReads) count() (samples int) {
	for _, list := range s.samples {
		samples += len(list)
	}
	return samples
}

// recoverBytes recovers a file in memory; nil when it is refused.
func recoverBytes(t testing.TB, data []byte, opts RecoverOptions) (*Recovered, *savedReads) {
	t.Helper()
	opts.Progress = func(int, int) {}
	rec, err := openRecovery(bytes.NewReader(data), int64(len(data)), "nowhere/test.pod5", opts)
	if err != nil {
		if !errors.Is(err, ErrNotPOD5) && !errors.Is(err, ErrUnsupported) {
			t.Fatal(err)
		}
		return nil, &savedReads{}
	}
	out := &savedReads{}
	if err := rec.save(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if rec.result.Reads != uint64(len(out.reads)) || rec.result.Samples != uint64(out.count()) {
		t.Fatalf("%d reads of %d samples, said to be %d of %d", len(out.reads), out.count(), rec.result.Reads, rec.result.Samples)
	}
	return rec.result, out
}

// expect checks saved reads against what the file once held, which is true of all
// or, with allowed, of all but that many.
func (s *savedReads) expect(t testing.TB, all []pod5test.Sample, opts RecoverOptions, allowed int) {
	t.Helper()
	byID := map[signal.ReadID]*pod5test.Sample{}
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	for i, read := range s.reads {
		want := byID[read.ID]
		if want == nil {
			if allowed--; allowed < 0 {
				t.Fatalf("read %v was never there", read.ID)
			}
			continue
		}
		delete(byID, read.ID)
		whole := want.All()
		signalOnly := opts.SignalOnly && read.Channel == 0
		if !opts.Partial && !signalOnly && !slices.Equal(s.samples[i], whole) ||
			len(s.samples[i]) > len(whole) || !slices.Equal(s.samples[i], whole[:len(s.samples[i])]) {
			if allowed--; allowed < 0 {
				t.Fatalf("read %v: samples differ", read.ID)
			}
		}
		if !signalOnly && allowed == 0 {
			got := *read
			got.Path, got.Origin, got.Samples = want.Path, want.Origin, want.Samples
			if math.IsNaN(float64(got.OpenPorePA)) {
				got.OpenPorePA = want.OpenPorePA // older layouts have none
			}
			if diff := gocmp.Diff(want.Read, got, equalFloats); diff != "" {
				t.Fatalf("read %v (-want +got):\n%s", read.ID, diff)
			}
		}
	}
}

// recoverModes are the ways to recover.
var recoverModes = map[string]RecoverOptions{
	"whole reads": {},
	"partial":     {Partial: true},
	"signal only": {SignalOnly: true},
	"all":         {Partial: true, SignalOnly: true},
}

// TestRecoverTruncated cuts a file at every length, and files of other layouts at
// some.
func TestRecoverTruncated(t *testing.T) {
	for _, c := range []struct {
		layout pod5test.Layout
		modes  []string
		step   int
	}{
		{pod5test.Layout{Version: 4}, []string{"whole reads", "all"}, 1},
		{pod5test.Layout{Version: 4}, []string{"partial", "signal only"}, 7},
		{pod5test.Layout{Version: 4, Deltas: true, Interleave: true, BatchRows: []int{2, 5}, Misaligned: true}, []string{"all"}, 5},
		{pod5test.Layout{Version: 3, Plain: true}, []string{"all"}, 5},
		{pod5test.Layout{Version: 1}, []string{"all"}, 5},
	} {
		reads := pod5test.Reads(5)
		whole := c.layout.Build(reads)
		for _, mode := range c.modes {
			opts := recoverModes[mode]
			savedReads, savedSamples := 0, 0
			for n := len(whole) % c.step; n <= len(whole); n += c.step {
				_, got := recoverBytes(t, whole[:n], opts)
				got.expect(t, reads, opts, 0)
				if len(got.reads) < savedReads || got.count() < savedSamples {
					t.Fatalf("%s: %d bytes gave %d reads of %d samples, %d bytes less %d of %d", mode, n, len(got.reads), got.count(), c.step, savedReads, savedSamples)
				}
				savedReads, savedSamples = len(got.reads), got.count()
			}
			if savedReads != len(reads) {
				t.Errorf("%s: %d of %d reads from the whole file", mode, savedReads, len(reads))
			}
		}
	}
}

// TestRecoverFlippedBytes damages each byte of a file, and some of another. No checksum guards samples,
// so one read may differ; all else must be as it was or left out.
func TestRecoverFlippedBytes(t *testing.T) {
	reads := pod5test.Reads(6)
	for step, l := range map[int]pod5test.Layout{1: {Version: 4}, 4: {Version: 0, Interleave: true}} {
		whole := l.Build(reads)
		recoverBytes(t, whole, RecoverOptions{}) // fills the pools
		for i := 0; i < len(whole); i += step {
			data := bytes.Clone(whole)
			data[i] ^= []byte{0x01, 0x80, 0xff}[i%3]
			opts := recoverModes[[]string{"whole reads", "all"}[i/12%2]]
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, got := recoverBytes(t, data, opts)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Fatalf("byte %d of %d: %d bytes allocated", i, len(whole), used)
			}
			got.expect(t, reads, opts, 1)
		}
	}
}

// TestRecoverUnended recovers what a writer leaves that is stopped: a file without
// end, and beside it the tables that it would have appended.
func TestRecoverUnended(t *testing.T) {
	reads := pod5test.Reads(14)
	whole := pod5test.Layout{Version: 4}.Build(reads)
	c, err := readContainer(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	table := func(kind schema.Content) []byte {
		s := c.tables[kind]
		// Neither the end of the stream nor the footer is there yet.
		walked, err := arrowipc.Walk(bytes.NewReader(whole), s.offset, s.length)
		if err != nil || !walked.Ended {
			t.Fatal(err)
		}
		return whole[s.offset:walked.End]
	}
	growing := append(bytes.Clone(whole[:headerSize]), table(schema.SignalTable)...)
	const identifier = "01020304-0506-0708-090a-0b0c0d0e0f10"
	for _, tc := range []struct {
		name        string
		runs, reads []byte
		saved       int
		signalOnly  uint64
		lost        Loss
	}{
		{"all tables", table(schema.RunTable), table(schema.ReadsTable), 14, 0, ""},
		{"reads cut off", table(schema.RunTable), table(schema.ReadsTable)[:len(table(schema.ReadsTable))-20], 12, 0, NotDescribed},
		{"no runs", nil, table(schema.ReadsTable), 0, 0, RunUnknown},
		{"no reads", table(schema.RunTable), nil, 0, 10, NotDescribed},
		{"nothing", nil, nil, 0, 10, NotDescribed},
		{"rubbish", []byte("rubbish"), []byte("ARROW1"), 0, 10, NotDescribed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.pod5.tmp")
			for name, data := range map[string][]byte{"a.pod5.tmp": growing, "." + identifier + ".tmp-run-info": tc.runs, "." + identifier + ".tmp-reads": tc.reads} {
				if data == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out := filepath.Join(dir, "out.pod5")
			result, err := Recover(t.Context(), path, out, RecoverOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if result.Whole || result.Reads != uint64(tc.saved) || (len(result.Lost) > 0) != (tc.lost != "") || tc.lost != "" && result.Lost[0].Reason != tc.lost {
				t.Errorf("%+v", result)
			}
			if _, err := os.Stat(out); (err == nil) != (tc.saved > 0) {
				t.Errorf("output: %v", err)
			}
			if tc.saved == len(reads) {
				checkFile(t, out, reads)
			}
			result, err = Recover(t.Context(), path, out, RecoverOptions{SignalOnly: true, Like: reads[0].Run})
			if err != nil {
				t.Fatal(err)
			}
			if result.SignalOnly < tc.signalOnly || len(result.Lost) > 0 || result.Reads == 0 {
				t.Errorf("with all that is there: %+v", result)
			}
		})
	}
}

// checkFile compares a file with what it should hold.
func checkFile(t *testing.T, path string, want []pod5test.Sample) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got savedReads
	for read, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		samples, err := f.Signal(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		got.reads, got.samples = append(got.reads, &read.Read), append(got.samples, samples)
	}
	if len(got.reads) != len(want) {
		t.Errorf("%d reads, want %d", len(got.reads), len(want))
	}
	got.expect(t, want, RecoverOptions{}, 0)
}

func TestRecoverDamaged(t *testing.T) {
	reads := pod5test.Reads(14)
	whole := pod5test.Layout{Version: 4}.Build(reads)
	c, err := readContainer(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	signals, err := arrowipc.Walk(bytes.NewReader(whole), c.tables[schema.SignalTable].offset, c.tables[schema.SignalTable].length)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(data []byte) []byte) []byte { return f(bytes.Clone(whole)) }
	for _, tc := range []struct {
		name  string
		data  []byte
		saved int // with whole reads only
	}{
		{"rubbish behind", append(bytes.Clone(whole), "and some more"...), 14},
		{"zeros behind", append(bytes.Clone(whole), make([]byte, 5000)...), 14},
		{"end of another file", change(func(d []byte) []byte { d[len(d)-10]++; return d }), 14},
		{"length of the footer", change(func(d []byte) []byte { d[len(d)-32]++; return d }), 14},
		{"zeros from a sector on", change(func(d []byte) []byte { clear(d[signals.End-100:]); return d }), 0},
		{"signature at the start", change(func(d []byte) []byte { d[0] = 0; return d }), 14},
		{"first message", change(func(d []byte) []byte { clear(d[headerSize+8 : headerSize+40]); return d }), 14},
		// Rows 3, 4 and 5 are the pieces of read 3.
		{"header of a batch", change(func(d []byte) []byte { clear(d[batchAt(t, d, 1)+8:][:16]); return d }), 13},
		{"a row", pod5test.Layout{Version: 4, Frame: func(row int, f []byte) []byte {
			if row == 4 {
				f[0]++
			}
			return f
		}}.Build(reads), 13},
	} {
		t.Run(tc.name, func(t *testing.T) {
			result, got := recoverBytes(t, tc.data, RecoverOptions{})
			got.expect(t, reads, RecoverOptions{}, 0)
			if len(got.reads) != tc.saved {
				t.Errorf("%d reads, want %d: %+v", len(got.reads), tc.saved, result)
			}
		})
	}
}

// batchAt tells where a batch of the signal table begins.
func batchAt(t *testing.T, data []byte, batch int) int64 {
	t.Helper()
	short, err := arrowipc.Walk(bytes.NewReader(data), int64(headerSize), int64(len(data)-headerSize))
	if err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n < short.End; n++ { // a table cut at a batch's start has all those before it
		w, err := arrowipc.Walk(bytes.NewReader(data), int64(headerSize), n)
		if err == nil && w.Batches() == batch {
			return w.End
		}
	}
	t.Fatalf("no batch %d", batch)
	return 0
}

func TestRecoverLeavesWholeFilesAlone(t *testing.T) {
	dir := t.TempDir()
	reads := pod5test.Reads(14)
	path := pod5test.Write(t, dir, "a.pod5", pod5test.Layout{Version: 2}, reads)
	out := filepath.Join(dir, "b.pod5")
	result, err := Recover(t.Context(), path, out, RecoverOptions{})
	if err != nil || !result.Whole {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a whole file was copied")
	}
	if result, err = Recover(t.Context(), path, out, RecoverOptions{Copy: true}); err != nil || !result.Whole {
		t.Fatalf("%+v, %v", result, err)
	}
	checkFile(t, out, reads)
}

func TestRecoverRefuses(t *testing.T) {
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.pod5")
	whole := pod5test.Layout{Version: 4}.Build(pod5test.Reads(14))
	if err := os.WriteFile(cut, whole[:len(whole)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "reads.fastq")
	if err := os.WriteFile(other, []byte("@read\nACGT\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path, out string
		is              error
	}{
		{"no such file", filepath.Join(dir, "nothing.pod5"), filepath.Join(dir, "out.pod5"), fs.ErrNotExist},
		{"a folder", dir, filepath.Join(dir, "out.pod5"), ErrNotPOD5},
		{"another format", other, filepath.Join(dir, "out.pod5"), ErrNotPOD5},
		{"onto itself", cut, cut, nil},
		{"no such folder", cut, filepath.Join(dir, "nowhere", "out.pod5"), fs.ErrNotExist},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Recover(t.Context(), tc.path, tc.out, RecoverOptions{})
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %v, want %v", err, tc.is)
			}
		})
	}
	if left, err := os.ReadFile(cut); err != nil || !bytes.Equal(left, whole[:len(whole)-10]) {
		t.Error("the file was changed")
	}
}

// TestRecoverFullDisk writes to a device that is always full.
func TestRecoverFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	reads := pod5test.Reads(120)
	for i := range reads {
		reads[i].Pieces = [][]int16{pod5test.Noisy(50_000)}
		reads[i].Samples = 50_000
	}
	whole := pod5test.Layout{Version: 4}.Build(reads)
	path := filepath.Join(dir, "a.pod5")
	if err := os.WriteFile(path, whole[:len(whole)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.pod5")
	if err := os.Symlink("/dev/full", out+temporary); err != nil {
		t.Fatal(err)
	}
	result, err := Recover(t.Context(), path, out, RecoverOptions{})
	if !errors.Is(err, syscall.ENOSPC) || result.Reads == uint64(len(reads)) {
		t.Errorf("%d reads, %v", result.Reads, err)
	}
	if _, err := os.Lstat(out + temporary); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the unfinished output is still there")
	}
}

// FuzzRecover recovers whatever it is given.
func FuzzRecover(f *testing.F) {
	for _, l := range []pod5test.Layout{{Version: 0}, {Version: 2, Deltas: true}, {Version: 4, Interleave: true}, {Version: 4, Plain: true, Wide: true}} {
		whole := l.Build(pod5test.Reads(3))
		f.Add(whole[:len(whole)-1])
		f.Add(whole[:len(whole)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, opts := range recoverModes {
			recoverBytes(t, data, opts)
		}
	})
}
