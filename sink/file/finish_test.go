package file

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/porevec/porevec/sink/wire"
)

// An array has no name while the files beside it are replaced: with the last rename
// failing, no older array is left beside the rows of the newer one.
func TestNumPyFilesFitEachOther(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.npy")
	all := replayed(recipe(wire.Float16), 30)
	whole(t, path, all, 30)
	out, err := begin(path, wire.FileInfo{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.discard()
	var b wire.Batch
	b.Reset(runs[0], all.Recipe)
	for i, c := range all.Chunks[:20] {
		b.Append(c, all.Row(i))
	}
	if err := out.format.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".tmp"); err != nil { // so that it cannot get its name
		t.Fatal(err)
	}
	if err := out.end(); err == nil {
		t.Error("the array is gone, and nothing is told")
	}
	ids, err := os.ReadFile(filepath.Join(dir, "x.ids.tsv"))
	if rows := bytes.Count(ids, []byte("\n")) - 1; err != nil || rows != 20 {
		t.Fatalf("%d rows, %v: the test has not what it is for", rows, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an older array stands beside the rows of a newer one: %v", err)
	}
}
