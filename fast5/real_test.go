package fast5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/signal"
)

// realData is the folder of real files, which are not part of the project.
func realData(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("POREVEC_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "oracles.tsv")); err != nil {
		t.Skip("no real data; set POREVEC_DATA to their folder")
	}
	return dir
}

// TestOracles compares with what independent readers saw.
func TestOracles(t *testing.T) {
	dir := realData(t)
	table, err := os.ReadFile(filepath.Join(dir, "oracles.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 4 || !strings.HasSuffix(fields[0], ".fast5") {
			continue
		}
		checked++
		f, err := Open(filepath.Join(dir, fields[0]))
		if err != nil {
			t.Errorf("%s: %v", fields[0], err)
			continue
		}
		var samples []int16
		reads, total := 0, 0
		sum := fnv.New64a()
		for r, err := range f.Reads() {
			if err == nil {
				samples, err = f.Signal(r, samples[:0])
			}
			if err != nil {
				t.Error(err)
				continue
			}
			reads++
			total += len(samples)
			_ = binary.Write(sum, binary.LittleEndian, samples)
		}
		if got, want := fmt.Sprintf("%d %d %x", reads, total, sum.Sum64()), strings.Join(fields[1:], " "); got != want {
			t.Errorf("%s: %s, want %s", fields[0], got, want)
		}
		if f.EventOnly() != (fields[1] == "0") {
			t.Errorf("%s: event-only %v", fields[0], f.EventOnly())
		}
		f.Close()
	}
	if checked < 12 {
		t.Errorf("only %d files checked", checked)
	}
}

// TestLabelledReads opens the many files of single reads.
func TestLabelledReads(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realData(t), "labelled", "*", "*.fast5"))
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	for _, path := range files {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		for r, err := range f.Reads() {
			if err == nil {
				_, err = f.Signal(r, nil)
			}
			if err != nil {
				t.Error(err)
			} else if r.Run.SampleRateHz != 4000 || r.Channel == 0 || r.Run.AcquisitionID == "" || r.Run.AcquisitionStart.Year() < 2016 {
				t.Errorf("%s: %+v of %+v", path, r.Read, r.Run)
			}
		}
		f.Close()
	}
}

// TestSameAsPOD5 compares what is known of the same reads in both formats.
func TestSameAsPOD5(t *testing.T) {
	dir := realData(t)
	old, err := Open(filepath.Join(dir, "fast5", "ten_reads_vbz_v0.fast5"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	p, err := pod5.Open(filepath.Join(dir, "pod5", "ten_reads_v3.pod5"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for got, err := range old.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Read(got.ID)
		if err != nil {
			t.Fatal(err)
		}
		a, b := got.Read, want.Read
		same := a.Channel == b.Channel && a.Mux == b.Mux && a.Number == b.Number && a.Start == b.Start && a.Samples == b.Samples &&
			a.Calibration == b.Calibration && math.Float32bits(a.MedianBeforePA) == math.Float32bits(b.MedianBeforePA) && a.EndReason == b.EndReason && a.PoreType == b.PoreType
		if !same || a.Run.AcquisitionID != b.Run.AcquisitionID || a.Run.SampleRateHz != b.Run.SampleRateHz || a.Run.FlowCellID != b.Run.FlowCellID ||
			a.Run.SampleID != b.Run.SampleID || a.Run.Position != b.Run.Position || !a.Run.AcquisitionStart.Equal(b.Run.AcquisitionStart) {
			t.Errorf("%+v\n%+v\n%+v\n%+v", a, b, *a.Run, *b.Run)
		}
	}
}

// TestHostileFiles must fail by name.
func TestHostileFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realData(t), "pod5", "*.pod5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if _, err := Open(path); !errors.Is(err, ErrNotFAST5) || signal.ClassOf(err) != signal.Corrupt {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	dir := realData(b)
	for _, name := range []string{"ten_reads_vbz_v0", "ten_reads_vbz_v1", "ten_reads_gzip", "hardlinked_groups"} {
		b.Run(name, func(b *testing.B) {
			f, err := Open(filepath.Join(dir, "fast5", name+".fast5"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			var samples []int16
			total, fastest := 0, time.Hour
			for b.Loop() {
				begin, n := time.Now(), 0
				for r, err := range f.Reads() {
					if err == nil {
						samples, err = f.Signal(r, samples[:0])
					}
					if err != nil {
						b.Fatal(err)
					}
					n += len(samples)
				}
				total += n
				if took := time.Since(begin); took < fastest {
					fastest = took
					b.ReportMetric(float64(n)/took.Seconds()/1e6, "best_Msamples/s")
				}
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}
