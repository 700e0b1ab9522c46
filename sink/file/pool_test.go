package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// The vector of a read is the mean of its chunks' vectors, of length 1.
func TestPool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	f, err := Create(path, Options{Pool: wire.PoolMean})
	if err != nil {
		t.Fatal(err)
	}
	r := recipe(wire.Float32)
	e := &signal.Embedded{Recipe: r, Dim: dim}
	add := func(channel uint16, id byte, chunk uint32, start uint64, flags signal.Flags, vector ...float32) {
		read := &signal.Read{ID: signal.ReadID{id}, Run: runs[0], Channel: channel, Start: uint64(id) * 1000}
		e.Chunks = append(e.Chunks, signal.Chunk{Read: read, Index: chunk, Start: start, Samples: 4096, Flags: flags})
		e.Vectors = append(e.Vectors, vector...)
	}
	add(1, 1, 0, 2000, 0, 1, 0, 0, 0)
	add(2, 2, 4, 9000, signal.FlagHeadMissing, 0, 0, 1, 0) // on another channel
	add(1, 1, 1, 6096, 0, 0, 1, 0, 0)
	add(1, 1, 2, 8096, signal.FlagTail, 0, 1, 0, 0) // overlaps
	add(1, 3, 0, 2000, 0, 0, 0, 0.6, 0.8)           // so the first one is over
	add(3, 4, 0, 2000, 0, 1, 0, 0, 0)
	add(3, 4, 1, 6096, 0, -1, 0, 0, 0) // no direction
	if err := f.Put(t.Context(), e, func(error) {}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type pooled struct {
		ReadID     string    `json:"read_id"`
		Chunk      int       `json:"chunk"`
		ChunkStart int       `json:"chunk_start"`
		Samples    int       `json:"samples"`
		Embedding  []float64 `json:"embedding"`
	}
	var got []pooled
	for line := range strings.Lines(string(text)) {
		var p pooled
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	id := func(n int) string { return fmt.Sprintf("%02d000000-0000-0000-0000-000000000000", n) }
	want := []pooled{
		{id(1), 0, 2000, 4096 + 4096 + 2000, []float64{1 / math.Sqrt(5), 2 / math.Sqrt(5), 0, 0}},
		{id(2), 0, 9000, 4096, []float64{0, 0, 1, 0}},
		{id(3), 0, 2000, 4096, []float64{0, 0, 0.6, 0.8}},
		{id(4), 0, 2000, 8192, []float64{0, 0, 0, 0}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Files of pooled vectors are refused where those of chunks are wanted.
func TestPooledIsRefused(t *testing.T) {
	for _, name := range []string{"x.parquet", "x.arrow"} {
		path := filepath.Join(t.TempDir(), name)
		f, err := Create(path, Options{Pool: wire.PoolMean})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Put(t.Context(), replayed(recipe(wire.Float16), 9), func(error) {}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Flush(t.Context()), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "one vector per read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
