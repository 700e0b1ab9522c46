//go:build libhdf5

package fast5

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	hdf "gonum.org/v1/hdf5"

	"github.com/porevec/porevec/fast5/fast5test"
)

// librarySignal reads a dataset of int16 with the HDF5 library.
func librarySignal(t *testing.T, f *hdf.File, path string) []int16 {
	t.Helper()
	d, err := f.OpenDataset(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer d.Close()
	space := d.Space()
	defer space.Close()
	samples := make([]int16, space.SimpleExtentNPoints())
	if len(samples) > 0 {
		if err := d.Read(&samples); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return samples
}

// compare reads every read of a file with multiple reads both ways.
func compare(t *testing.T, path string) {
	t.Helper()
	library, err := hdf.OpenFile(path, hdf.F_ACC_RDONLY)
	if err != nil {
		t.Fatalf("%s: the library: %v", path, err)
	}
	defer library.Close()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for r, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Signal(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := librarySignal(t, library, "/"+f.reads[n].Name+"/Raw/Signal"); !slices.Equal(got, want) {
			t.Errorf("%s: read %d: %d samples, the library has %d", path, n, len(got), len(want))
		}
		n++
	}
	if n == 0 {
		t.Errorf("%s: no reads", path)
	}
}

// TestLibraryReadsReal compares real files that the library can decode.
func TestLibraryReadsReal(t *testing.T) {
	dir := realData(t)
	for _, name := range []string{"ten_reads_gzip", "multi_read"} {
		compare(t, filepath.Join(dir, "fast5", name+".fast5"))
	}
}

// TestLibraryReadsFixtures holds the fixtures to the library: they are HDF5.
func TestLibraryReadsFixtures(t *testing.T) {
	for _, c := range layouts {
		switch {
		case c.l.Latest: // without checksums
		case c.l.ShortChunk: // which the library refuses
		case c.l.Packing == fast5test.VBZ || c.l.Packing == fast5test.VBZPlain: // needs a plugin
		default:
			path := filepath.Join(t.TempDir(), "a.fast5")
			if err := os.WriteFile(path, c.l.Build(someReads(40)), 0o644); err != nil {
				t.Fatal(err)
			}
			compare(t, path)
		}
	}
}

// TestReadsWhatTheLibraryWrites makes files with the library alone.
func TestReadsWhatTheLibraryWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "library.fast5")
	library, err := hdf.CreateFile(path, hdf.F_ACC_TRUNC)
	if err != nil {
		t.Fatal(err)
	}
	reads := someReads(12)
	for i := range reads {
		reads[i].ADC = slices.Repeat(append(reads[i].ADC, int16(i)), 50)
		if err := writeRead(library, &reads[i], uint(1+i*37%400)); err != nil {
			t.Fatal(err)
		}
	}
	if err := library.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, path)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	i := 0
	for r, err := range f.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		w := reads[i]
		if r.ID != w.ID || r.Channel != w.Channel || r.Calibration != w.Calibration || r.Run.SampleRateHz != w.Run.SampleRateHz {
			t.Errorf("%+v\n%+v", r.Read, w.Read)
		}
		i++
	}
}

// writeRead writes a read with gzip and chunks of the given length.
func writeRead(f *hdf.File, r *fast5test.Read, chunk uint) error {
	group, err := f.CreateGroup("read_" + r.ID.String())
	if err != nil {
		return err
	}
	defer group.Close()
	raw, err := group.CreateGroup("Raw")
	if err != nil {
		return err
	}
	defer raw.Close()
	channel, err := group.CreateGroup("channel_id")
	if err != nil {
		return err
	}
	defer channel.Close()
	number, digits, rate := fmt.Sprint(r.Channel), 8192.0, float64(r.Run.SampleRateHz)
	offset, span, id := float64(r.Calibration.Offset), float64(r.Calibration.Scale)*digits, r.ID.String()
	for name, value := range map[string]any{"channel_number": &number, "digitisation": &digits, "sampling_rate": &rate, "offset": &offset, "range": &span} {
		if err := writeAttribute(channel, name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := writeAttribute(raw, "read_id", &id); err != nil {
		return err
	}
	space, err := hdf.CreateSimpleDataspace([]uint{uint(len(r.ADC))}, nil)
	if err != nil {
		return err
	}
	defer space.Close()
	properties, err := hdf.NewPropList(hdf.P_DATASET_CREATE)
	if err != nil {
		return err
	}
	defer properties.Close()
	if err := properties.SetChunk([]uint{min(chunk, uint(len(r.ADC)))}); err != nil {
		return err
	}
	if err := properties.SetDeflate(5); err != nil {
		return err
	}
	data, err := raw.CreateDatasetWith("Signal", hdf.T_NATIVE_INT16, space, properties)
	if err != nil {
		return err
	}
	defer data.Close()
	return data.Write(&r.ADC)
}

func writeAttribute(group *hdf.Group, name string, value any) error {
	kind := hdf.T_NATIVE_DOUBLE
	if _, ok := value.(*string); ok {
		kind = hdf.T_GO_STRING
	}
	space, err := hdf.CreateDataspace(hdf.S_SCALAR)
	if err != nil {
		return err
	}
	defer space.Close()
	a, err := group.CreateAttribute(name, kind, space)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Write(value, kind)
}
