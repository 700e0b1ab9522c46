package main

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Killed without warning again and again, a replay must end with every chunk in
// the stream exactly once, each the same as in an undisturbed run.
func TestKillAndRestartStoresEveryChunkOnce(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 60)
	undisturbed := vectors(t, runProgram(t, "embed", dir, "-o", "-", "--dtype", "float32").want(t, 0).stdout)
	if len(undisturbed) < 100 {
		t.Fatalf("only %d chunks: too few to be interrupted among", len(undisturbed))
	}

	store := filepath.Join(t.TempDir(), "store")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	kills := 0
	for range 12 {
		cmd := program(t, "embed", dir, "--store", store, "--batch", "4", "--speed", "200x", "--dtype", "float32")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(400+rng.IntN(900)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() != nil { // it was still running
			kills++
		}
	}
	if kills == 0 {
		t.Fatal("no run was alive when it was killed")
	}
	last := runProgram(t, "embed", dir, "--store", store, "--dtype", "float32", "--json").want(t, 0).result(t)
	if last.ChunksStored == 0 {
		t.Error("the killed runs left nothing: the test did not interrupt a delivery")
	}
	t.Logf("%d kills; the last run found %d of %d chunks stored", kills, last.ChunksStored, last.Chunks)

	stored := vectors(t, runProgram(t, "subscribe", "--store", store, "--from", "start", "--until-idle", "2s", "--json").want(t, 0).stdout)
	if d := cmp.Diff(byKey(t, undisturbed), byKey(t, stored)); d != "" {
		t.Errorf("the stream differs from an undisturbed run (-want +got):\n%s", d)
	}
}

// byKey fails on a primary key that occurs twice.
func byKey(t *testing.T, rows []vector) map[string]vector {
	t.Helper()
	m := make(map[string]vector, len(rows))
	for _, v := range rows {
		if _, twice := m[v.key()]; twice {
			t.Errorf("%s is there twice", v.key())
		}
		m[v.key()] = v
	}
	return m
}
