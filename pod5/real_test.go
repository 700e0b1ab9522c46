package pod5_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/porevec/porevec/pod5"
)

// dataDir is where real files lie; the test is skipped when they are absent.
func dataDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("POREVEC_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "oracles.tsv")); err != nil {
		t.Skip("no real files: set POREVEC_DATA to the folder that holds oracles.tsv")
	}
	return dir
}

// oracle is what independent readers saw in a file.
type oracle struct {
	file           string
	reads, samples uint64
	hash           uint64
}

func oracles(t testing.TB, dir string) []oracle {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "oracles.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var list []oracle
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if !strings.HasSuffix(f[0], ".pod5") {
			continue
		}
		var o oracle
		var errs [3]error
		o.file = f[0]
		o.reads, errs[0] = strconv.ParseUint(f[1], 10, 64)
		o.samples, errs[1] = strconv.ParseUint(f[2], 10, 64)
		o.hash, errs[2] = strconv.ParseUint(f[3], 16, 64)
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, o)
	}
	return list
}

// addSamples adds samples as little-endian int16.
func addSamples(h hash.Hash, samples []int16) {
	buf := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(s))
	}
	h.Write(buf)
}

func TestRealFiles(t *testing.T) {
	dir := dataDir(t)
	for _, o := range oracles(t, dir) {
		t.Run(filepath.Base(o.file), func(t *testing.T) {
			f, err := pod5.Open(filepath.Join(dir, o.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var reads, samples, announced uint64
			var list []*pod5.Read
			var buf []int16
			for read, err := range f.Reads() {
				if err != nil {
					t.Fatal(err)
				}
				if buf, err = f.Signal(read, buf[:0]); err != nil {
					t.Fatal(err)
				}
				list = append(list, read)
				if read.Origin.Ordinal != reads {
					t.Errorf("ordinal %d for read %d", read.Origin.Ordinal, reads)
				}
				reads++
				samples += uint64(len(buf))
				announced += read.Samples
				if read.Run == nil || read.Run.SampleRateHz < 3000 || read.Run.SampleRateHz > 5000 || read.Channel == 0 {
					t.Errorf("read %v: run %+v, channel %d", read.ID, read.Run, read.Channel)
				}
			}
			// The hashes were taken in the order in which the signal lies in the file.
			slices.SortFunc(list, func(a, b *pod5.Read) int { return cmp.Compare(a.Rows()[0], b.Rows()[0]) })
			sum := fnv.New64a()
			for _, read := range list {
				if buf, err = f.Signal(read, buf[:0]); err != nil {
					t.Fatal(err)
				}
				addSamples(sum, buf)
			}
			if reads != o.reads || samples != o.samples || announced != samples || sum.Sum64() != o.hash {
				t.Errorf("%d reads, %d samples (%d announced), hash %016x; want %d, %d, %016x",
					reads, samples, announced, sum.Sum64(), o.reads, o.samples, o.hash)
			}
			if f.NumReads() != int(o.reads) {
				t.Errorf("NumReads() = %d, want %d", f.NumReads(), o.reads)
			}
		})
	}
}

func TestRealHostileFiles(t *testing.T) {
	dir := filepath.Join(dataDir(t), "hostile")
	for _, c := range []struct {
		file, says string // says "" for a file that is readable after all
		is         error
		runs       int
	}{
		{"empty_pod5.pod5", "does not begin with the POD5 signature", pod5.ErrNotPOD5, 0},
		{"not_a_pod5.pod5", "does not begin with the POD5 signature", pod5.ErrNotPOD5, 0},
		{"missing_primary_field.pod5", "calibration_offset is missing", pod5.ErrCorrupt, 0},
		{"multigroup.pod5", "", nil, 2},
		{"primary_field_wrong_type.pod5", "", nil, 1}, // the type is wrong for another format only
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := pod5.Open(filepath.Join(dir, c.file))
			if c.is != nil {
				if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if len(f.Runs()) != c.runs {
				t.Errorf("%d runs, want %d", len(f.Runs()), c.runs)
			}
			for read, err := range f.Reads() {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.Signal(read, nil); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
