package pod5

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/signal"
)

// write makes a file of reads with the production writer.
func write(t testing.TB, path string, reads []pod5test.Sample) {
	t.Helper()
	w, err := Create(path, WriterOptions{ID: [16]byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range reads {
		if err := w.Add(&reads[i].Read, reads[i].All()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWriterRoundTrip(t *testing.T) {
	want := pod5test.Reads(1234) // more than a batch of reads and many batches of signal
	long := make([]int16, 2*rowSamples+7)
	for i := range long {
		long[i] = int16(i * 31)
	}
	want[100].Pieces, want[100].Samples = [][]int16{long}, uint64(len(long))
	want[7].MedianBeforePA, want[7].OpenPorePA = nan, nan
	want[8].EndReason = "a reason of the future"
	path := filepath.Join(t.TempDir(), "a.pod5")
	write(t, path, want)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.NumReads() != len(want) || f.Version() != schema.LayoutVersion {
		t.Errorf("%d reads, version %s", f.NumReads(), f.Version())
	}
	i := 0
	for got, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		w := want[i]
		w.Path, w.Origin = path, signal.Origin{Source: "a.pod5#01020300000000000000000000000000", Ordinal: uint64(i)}
		if diff := gocmp.Diff(w.Read, got.Read, equalFloats); diff != "" {
			t.Fatalf("read %d (-want +got):\n%s", i, diff)
		}
		if wantRows := (len(w.All()) + rowSamples - 1) / rowSamples; len(got.Rows()) != wantRows {
			t.Errorf("read %d has %d rows, want %d", i, len(got.Rows()), wantRows)
		}
		samples, err := f.Signal(got, nil)
		if err != nil || !slices.Equal(samples, w.All()) {
			t.Fatalf("read %d: signal differs, %v", i, err)
		}
		i++
	}
}

// TestWriterByArrow reads the tables of a file with the Arrow library.
func TestWriterByArrow(t *testing.T) {
	want := pod5test.Reads(1100)
	path := filepath.Join(t.TempDir(), "a.pod5")
	write(t, path, want)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readContainer(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[schema.Content]int{}
	for kind, s := range c.tables {
		table, err := ipc.NewFileReader(bytes.NewReader(data[s.offset : s.offset+s.length]))
		if err != nil {
			t.Fatalf("table %d: %v", kind, err)
		}
		if id, ok := table.Schema().Metadata().GetValue("MINKNOW:file_identifier"); !ok || id != "01020300-0000-0000-0000-000000000000" {
			t.Errorf("table %d: identifier %q", kind, id)
		}
		for i := range table.NumRecords() {
			batch, err := table.RecordBatch(i)
			if err != nil {
				t.Fatalf("table %d: %v", kind, err)
			}
			if kind == schema.ReadsTable {
				checkByArrow(t, want[rows[kind]:], batch.Column(batch.Schema().FieldIndices("end_reason")[0]).(*array.Dictionary),
					batch.Column(batch.Schema().FieldIndices("calibration_scale")[0]).(*array.Float32))
			}
			rows[kind] += int(batch.NumRows())
		}
		table.Close()
	}
	pieces := 0
	for i := range want {
		if want[i].Samples > 0 {
			pieces++
		}
	}
	if rows[schema.ReadsTable] != len(want) || rows[schema.SignalTable] != pieces || rows[schema.RunTable] != 2 {
		t.Errorf("rows by table: %v", rows)
	}
}

func checkByArrow(t *testing.T, want []pod5test.Sample, reasons *array.Dictionary, scales *array.Float32) {
	t.Helper()
	values := reasons.Dictionary().(*array.String)
	for i := range reasons.Len() {
		if got := values.Value(reasons.GetValueIndex(i)); got != string(want[i].EndReason) {
			t.Errorf("row %d: end reason %q, want %q", i, got, want[i].EndReason)
		}
		if got := scales.Value(i); got != want[i].Calibration.Scale {
			t.Errorf("row %d: scale %g, want %g", i, got, want[i].Calibration.Scale)
		}
	}
}

// TestWriterHidesUnfinishedFiles looks at the folder while a file is written.
func TestWriterHidesUnfinishedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.pod5")
	w, err := Create(path, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reads := pod5test.Reads(2)
	if err := w.Add(&reads[1].Read, reads[1].All()); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.pod5")); err != nil || len(files) > 0 {
		t.Errorf("found %v, %v before the file is finished", files, err)
	}
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriterRefuses(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "a.pod5"), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	if err := w.Add(&signal.Read{}, nil); err == nil {
		t.Error("a read without a run was taken")
	}
	run := pod5test.Run("r", 5000)
	for i := 0; err == nil && i <= math.MaxInt16+1; i++ {
		err = w.Add(&signal.Read{Run: run, PoreType: string(rune('a'+i%26)) + string(rune(0x1000+i/26))}, nil)
	}
	if err == nil {
		t.Error("more pore types than an index can count were taken")
	}
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pod5")
	write(t, path, nil)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for read, err := range f.Reads() {
		t.Errorf("read %v, %v in an empty file", read, err)
	}
}
