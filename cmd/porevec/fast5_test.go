package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/porevec/porevec/fast5/fast5test"
	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/pod5/pod5test"
)

// TestFormatsGiveTheSameVectors embeds the same reads from POD5 and from FAST5.
func TestFormatsGiveTheSameVectors(t *testing.T) {
	dir := t.TempDir()
	var reads []fast5test.Read
	for i, r := range pod5test.Reads(5) {
		r.Run = pod5test.Run("first", 5000)
		r.Samples = uint64(20_000 + 1000*i)
		reads = append(reads, fast5test.Read{Read: r.Read, ADC: pod5test.Noisy(int(r.Samples))})
	}
	slices.SortFunc(reads, func(a, b fast5test.Read) int { return bytes.Compare(a.ID[:], b.ID[:]) }) // as HDF5 lists them
	old := filepath.Join(dir, "a.fast5")
	if err := os.WriteFile(old, fast5test.Layout{Packing: fast5test.VBZ, ChunkLen: 10_000, Linked: true}.Build(reads), 0o644); err != nil {
		t.Fatal(err)
	}
	now := filepath.Join(dir, "a.pod5")
	w, err := pod5.Create(now, pod5.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range reads {
		if err := w.Add(&reads[i].Read, reads[i].ADC); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var sets [2][]any
	for i, path := range []string{old, now} {
		lines := json.NewDecoder(bytes.NewReader([]byte(runProgram(t, "embed", path, "-o", "-").want(t, 0).stdout)))
		for lines.More() {
			var line map[string]any
			if err := lines.Decode(&line); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal([]any{line["read_id"], line["chunk"], line["chunk_start"], line["channel"], line["embedding"]})
			if err != nil {
				t.Fatal(err)
			}
			sets[i] = append(sets[i], string(got))
		}
	}
	if len(sets[0]) < 20 || !slices.Equal(sets[0], sets[1]) {
		t.Errorf("%d vectors from FAST5, %d from POD5, or they differ", len(sets[0]), len(sets[1]))
	}

	store := filepath.Join(dir, "store")
	for run := range 2 {
		var r result
		if err := json.Unmarshal([]byte(runProgram(t, "embed", old, "--store", store, "--json").want(t, 0).stdout), &r); err != nil {
			t.Fatal(err)
		}
		if stored := r.ChunksStored == r.Chunks; r.Chunks == 0 || stored != (run == 1) {
			t.Errorf("run %d: %d chunks, %d stored before", run, r.Chunks, r.ChunksStored)
		}
	}
}
