package wire

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// Messages stay in streams for years: what was written once must be read for
// ever. The files are made anew only with a new schema version.
func TestGolden(t *testing.T) {
	for _, dtype := range []string{Float16, Float32} {
		name := "testdata/v1-" + dtype + ".arrows"
		if *update {
			if err := os.WriteFile(name, encoded(t, testBatch(dtype, 3)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		payload, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(testBatch(dtype, 3), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if now := encoded(t, testBatch(dtype, 3)); !bytes.Equal(now, payload) {
			t.Errorf("%s: what is written today is other bytes; docs/wire.md describes these", name)
		}
	}
}
