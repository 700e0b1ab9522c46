package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/fast5/fast5test"
	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/pod5/pod5test"
	"github.com/porevec/porevec/watch"
)

// TestWatchEmbedsEachFileOnce watches a folder with a finished, an unfinished and a
// foreign file, and again when the unfinished one is whole and the other one gone.
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
	foreign := filepath.Join(run, "foreign.pod5")
	if err := fixtures.WriteForeign(foreign); err != nil {
		t.Fatal(err)
	}
	embed := func(files, code int) result {
		t.Helper()
		r := runProgram(t, "watch", run, "--store", store, "--idle", "3s", "--poll", "200ms", "--json").want(t, code).result(t)
		if good := r.Files - r.FilesFailed; good != files || (r.Acknowledged == 0) != (files == 0) || r.ChunksStored != 0 {
			t.Errorf("%d good files, %d chunks acknowledged, %d stored before; want %d files", good, r.Acknowledged, r.ChunksStored, files)
		}
		return r
	}
	r := embed(1, exitSkipped)
	says := map[string]string{}
	for _, e := range r.Errors {
		says[filepath.Base(e.File)] += e.Error
	}
	if r.FilesFailed != 2 || len(r.Errors) != 2 || !strings.Contains(says["a_1.pod5"], "porevec recover") || !strings.Contains(says["foreign.pod5"], "not a POD5 file") {
		t.Errorf("%d files failed, want the unfinished and the foreign one, and why: %v", r.FilesFailed, r.Errors)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second+".tmp", whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(second+".tmp", second); err != nil {
		t.Fatal(err)
	}
	embed(1, 0)
	embed(0, 0)
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

// writeFAST5 writes a file of four reads that was changed last so long ago.
func writeFAST5(t *testing.T, path string, ago time.Duration) {
	t.Helper()
	var reads []fast5test.Read
	for _, r := range pod5test.Reads(4) {
		r.Run, r.Samples = pod5test.Run("fast5", 5000), 20_000
		reads = append(reads, fast5test.Read{Read: r.Read, ADC: pod5test.Noisy(int(r.Samples))})
	}
	if err := os.WriteFile(path, fast5test.Layout{}.Build(reads), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-ago)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// Being idle does not end a watch before a FAST5 file has settled, whatever its time is.
func TestWatchWaitsForFAST5(t *testing.T) {
	t.Parallel()
	for name, ago := range map[string]time.Duration{"old": 24 * time.Hour, "of the future": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := simulatedRun(t, 10)
			writeFAST5(t, filepath.Join(run, "c.fast5"), ago)
			r := runProgram(t, "watch", run, "-o", filepath.Join(t.TempDir(), "v.parquet"), "--idle", "1s", "--settle", "4s", "--poll", "100ms", "--json").want(t, 0).result(t)
			if r.Files != 3 || r.Reads != 14 {
				t.Errorf("%d files, %d reads, want 3 and 14", r.Files, r.Reads)
			}
		})
	}
}

// Idle time is over long before the file has settled. The unfinished one comes when both
// are.
func TestIdleWatchWaitsForSettlingFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.pod5", "b.fast5"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("signal"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w, err := watch.New(dir, watch.Options{Settle: 2 * time.Second, Poll: 10 * time.Millisecond, Finished: func(path string) (bool, error) {
		if filepath.Ext(path) == ".fast5" {
			return false, watch.ErrUndecided
		}
		return false, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	files := &watchedFiles{watcher: w, idle: time.Millisecond, log: slog.New(slog.DiscardHandler), handed: make(map[string]watch.File)}
	defer files.close()
	for i, want := range []string{"b.fast5", "a.pod5"} {
		path, err := files.Next(t.Context())
		if err != nil || filepath.Base(path) != want || files.idled != (i == 1) {
			t.Fatalf("got %s, %v, idle is over: %v; want %s", path, err, files.idled, want)
		}
	}
	if path, err := files.Next(t.Context()); err != io.EOF {
		t.Errorf("got %s, %v, want io.EOF", path, err)
	}
}

// A watch that is interrupted while a FAST5 file settles has not read everything.
func TestInterruptedWatchWithUnfinishedFiles(t *testing.T) {
	t.Parallel()
	run, out := simulatedRun(t, 10), t.TempDir()
	path := filepath.Join(out, "v.parquet")
	writeFAST5(t, filepath.Join(run, "c.fast5"), 0)
	whole, err := os.ReadFile(filepath.Join(run, "a.pod5"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "d.pod5"), whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		sign string // a file with lines or rows once the watch is under way
	}{
		{[]string{"-o", path}, exitInterrupted, path + ".part"},
		{[]string{"--store", filepath.Join(out, "store")}, 0, filepath.Join(out, "store", watchLog)},
	} {
		cmd := program(t, append([]string{"watch", run, "--settle", "24h", "--poll", "100ms"}, c.args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			if info, err := os.Stat(c.sign); err == nil && info.Size() > 100 {
				break
			}
			if time.Since(begin) > time.Minute {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				t.Fatalf("%v: nothing in %s, stderr:\n%s", c.args, c.sign, stderr.String())
			}
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code is looked at
		code := cmd.ProcessState.ExitCode()
		if code != c.code || strings.Count(stderr.String(), "c.fast5, d.pod5") != 1 {
			t.Errorf("%v: exit code %d, want %d and the unfinished files named once:\n%s", c.args, code, c.code, stderr.String())
		}
	}
	_, noFile := os.Stat(path)
	_, noPart := os.Stat(path + ".part")
	if noFile == nil || noPart != nil {
		t.Errorf("file: %v, journal: %v; want the journal alone", noFile, noPart)
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
