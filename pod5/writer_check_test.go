package pod5

import (
	"encoding/binary"
	"fmt"
	"github.com/porevec/porevec/pod5/pod5test"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriterCheckFiles writes what scripts/check-writer.sh shows to other programs:
// files, and tables of what is in them.
func TestWriterCheckFiles(t *testing.T) {
	dir := os.Getenv("POREVEC_CHECK_DIR")
	if dir == "" {
		t.Skip("for scripts/check-writer.sh")
	}
	large := pod5test.Reads(2500)
	large[100].Pieces = [][]int16{pod5test.Noisy(2*rowSamples + 7)}
	large[100].Samples = 2*rowSamples + 7
	for i := range large {
		large[i].PoreType = fmt.Sprint("pore ", i/500) // a dictionary that grows with the batches
	}
	small := pod5test.Reads(4)[1:] // without the empty one
	for i := range small {
		small[i].ID[0] ^= 0xff // other reads than in the large file: merging refuses duplicates
	}
	for name, reads := range map[string][]pod5test.Sample{"small": small, "large": large} {
		write(t, filepath.Join(dir, name+".pod5"), reads)
		writeTable(t, filepath.Join(dir, name+".tsv"), reads)
	}

	// Recovered reads without run, channel and calibration.
	data, err := os.ReadFile(filepath.Join(dir, "large.pod5"))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.pod5")
	if err := os.WriteFile(cut, data[:100_000], 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "recovered.pod5")
	if _, err := Recover(t.Context(), cut, out, RecoverOptions{SignalOnly: true}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var recovered []pod5test.Sample
	for read, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		samples, err := f.Signal(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		recovered = append(recovered, pod5test.Sample{Read: read.Read, Pieces: [][]int16{samples}})
	}
	writeTable(t, filepath.Join(dir, "recovered.tsv"), recovered)
}

func writeTable(t *testing.T, path string, reads []pod5test.Sample) {
	t.Helper()
	var b strings.Builder
	b.WriteString("read_id\tsamples\tfnv1a64\toffset\tscale\trun\trate\tchannel\tpore_type\tend_reason\n")
	for i := range reads {
		r := &reads[i]
		sum := fnv.New64a()
		if err := binary.Write(sum, binary.LittleEndian, r.All()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%v\t%d\t%016x\t%g\t%g\t%s\t%d\t%d\t%s\t%s\n", r.ID, r.Samples, sum.Sum64(),
			r.Calibration.Offset, r.Calibration.Scale, r.Run.AcquisitionID, r.Run.SampleRateHz, r.Channel, r.PoreType, r.EndReason)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
