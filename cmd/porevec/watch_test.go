package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/watch"
)

// TestWatchEmbedsEachFileOnce watches a folder with a finished and an unfinished
// file, and again when the second one is whole.
func TestWatchEmbedsEachFileOnce(t *testing.T) {
	t.Parallel()
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

// An interrupt is how a watch ends: its file gets its name. A watch that had not read
// everything says where the rows are, and the same command goes on with them.
func TestInterruptedWatchGivesItsFile(t *testing.T) {
	needRuntime(t)
	run := simulatedRun(t, 20)
	want := vectors(t, runProgram(t, "embed", run, "-o", "-").want(t, 0).stdout)
	path := filepath.Join(t.TempDir(), "v.ndjson")
	for try := 1; ; try++ {
		cmd := program(t, "watch", run, "-o", path, "--poll", "50ms")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(try) * time.Second)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code is looked at
		code := cmd.ProcessState.ExitCode()
		if code == 0 {
			break
		}
		_, noFile := os.Stat(path)
		_, noPart := os.Stat(path + ".part")
		if code != exitInterrupted || try == 8 || noFile == nil || (noPart == nil) != strings.Contains(stderr.String(), path+".part; run the same command again") {
			t.Fatalf("try %d: exit code %d, file %v, journal %v, stderr:\n%s", try, code, noFile, noPart, stderr.String())
		}
	}
	text, err := os.ReadFile(path)
	if got := vectors(t, string(text)); err != nil || len(got) != len(want) || len(byKey(t, got)) != len(want) {
		t.Errorf("%d vectors, want %d; %v", len(got), len(want), err)
	}
	if _, err := os.Stat(path + ".part"); err == nil {
		t.Error("the journal is left")
	}
}

// What was handed out and not read, or not handed out yet, keeps a watch from being whole.
func TestWatchAtRest(t *testing.T) {
	run := simulatedRun(t, 2)
	w, err := watch.New(run, watch.Options{Extensions: []string{".pod5"}, Finished: func(string) (bool, error) { return true, nil }})
	if err != nil {
		t.Fatal(err)
	}
	files := &watchedFiles{watcher: w, handed: make(map[string]watch.File)}
	defer files.close()
	for range 2 {
		if files.atRest() {
			t.Error("at rest with files to come")
		}
		path, err := files.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if files.atRest() {
			t.Error("at rest with a file that is not read")
		}
		files.ended(path, nil)
	}
	for begin := time.Now(); !files.atRest(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("not at rest when all was read")
		}
	}
}
