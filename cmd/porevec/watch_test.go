package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/fixtures"
)

// TestWatchEmbedsEachFileOnce watches a folder with a finished and an unfinished
// file, and again when the second one is whole.
func TestWatchEmbedsEachFileOnce(t *testing.T) {
	dir := t.TempDir()
	run, store := filepath.Join(dir, "run"), filepath.Join(dir, "store")
	first, second := filepath.Join(run, "pod5_pass", "a_0.pod5"), filepath.Join(run, "pod5_pass", "a_1.pod5")
	if err := os.MkdirAll(filepath.Dir(first), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := fixtures.WriteRun([]string{first, second}, fixtures.RunSpec{Seed: 3, Reads: 4}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second, whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	embed := func(files int) {
		t.Helper()
		o := runProgram(t, "watch", run, "--store", store, "--idle", "3s", "--poll", "200ms", "--json").want(t, 0)
		var r result
		if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
			t.Fatal(err)
		}
		if r.Files != files || (r.Acknowledged == 0) != (files == 0) || r.ChunksStored != 0 {
			t.Errorf("%d files, %d chunks acknowledged, %d stored before; want %d files", r.Files, r.Acknowledged, r.ChunksStored, files)
		}
	}
	embed(1)
	if err := os.WriteFile(second+".tmp", whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(second+".tmp", second); err != nil {
		t.Fatal(err)
	}
	embed(1)
	embed(0)
	dealt, err := os.ReadFile(filepath.Join(store, watchLog))
	if err != nil || strings.Count(string(dealt), "a_") != 2 {
		t.Errorf("remembered %s, %v", dealt, err)
	}
	runProgram(t, "watch", filepath.Join(dir, "nowhere")).want(t, exitInput)
}
