package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/fixtures"
)

// needRuntime skips where ONNX Runtime is not installed; `make deps` does it.
func needRuntime(t *testing.T) {
	t.Helper()
	if err := ort.Init(); err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
}

// simulatedRun writes two POD5 files of reads/2 simulated reads each.
func simulatedRun(t *testing.T, reads int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	paths := []string{filepath.Join(dir, "a.pod5"), filepath.Join(dir, "b.pod5")}
	if _, err := fixtures.WriteRun(paths, fixtures.RunSpec{Seed: 11, Reads: reads}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	fast5 := filepath.Join(t.TempDir(), "a.fast5")
	if err := os.WriteFile(fast5, []byte("\x89HDF\r\n\x1a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", nil, 0, "embed"},
		{"version", []string{"version"}, 0, "porevec version "},
		{"unknown command", []string{"basecall"}, 2, "basecall"},
		{"unknown flag", []string{"embed", "--basecall", "x"}, 2, "--basecall"},
		{"no path", []string{"embed"}, 2, "at least 1"},
		{"missing path", []string{"embed", "/nowhere/run"}, 4, "/nowhere/run"},
		{"empty folder", []string{"embed", empty}, 4, "no .pod5 or .fast5 file"},
		{"FAST5 that ends early", []string{"embed", fast5}, 3, "the superblock is cut off"},
		{"missing file to inspect", []string{"inspect", "/nowhere.pod5"}, 4, "/nowhere.pod5"},
		{"bad hop", []string{"embed", empty, "--hop", "-5"}, 2, "--hop"},
		{"no threads", []string{"embed", empty, "-t", "0"}, 2, "--threads"},
		{"too many threads", []string{"embed", empty, "-t", "1000000"}, 2, "--threads"},
		{"too large batches", []string{"embed", empty, "--batch", "1000000"}, 2, "--batch"},
		{"bad speed", []string{"embed", empty, "--speed", "fast"}, 2, "--speed"},
		{"no number", []string{"embed", empty, "-t", "many"}, 2, `--threads "many": it takes a whole number (`},
		{"a negative count", []string{"subscribe", "-n", "-1"}, 2, "not negative"},
		{"too large a number", []string{"embed", empty, "--hop", "99999999999999999999"}, 2, "too large"},
		{"no duration", []string{"embed", empty, "--batch-age", "5"}, 2, "such as 30s"},
		{"no size", []string{"embed", empty, "--spool", "much"}, 2, "such as 500MB"},
		{"no port", []string{"embed", empty, "--listen", "127.0.0.1"}, 2, "HOST:PORT"},
		{"no store", []string{"store", "list", "--store", "nosuch"}, 4, "porevec: there is no store nosuch"},
		{"unknown fault", []string{"simulate", empty, "--fault", "foo"}, 2, "gap, goaway"},
		{"a fault without a number", []string{"simulate", empty, "--fault", "gap:every=x"}, 2, "every=x is no whole number"},
		{"unknown model", []string{"model", "show", "dna_r12"}, 5, "dna_r12"},
		{"credentials for nobody", []string{"embed", empty, "--nats-creds", "rig1.creds"}, 2, "--nats"},
		{"credentials for a file", []string{"embed", empty, "-o", "x.npy", "--nats-creds", "rig1.creds"}, 2, "--nats"},
		{"credentials for a store", []string{"subscribe", "--nats-creds", "lab.creds"}, 2, "--nats"},
		{"all runs, and those of an age", []string{"store", "drop", "--all", "--before", "100000h"}, 2, "--before"},
		{"open listener", []string{"embed", empty, "--listen", "0.0.0.0:4222"}, 2, "loopback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := runProgram(t, c.args...).want(t, c.code)
			if all := o.stdout + o.stderr; !strings.Contains(all, c.says) {
				t.Errorf("the output does not mention %q:\n%s", c.says, all)
			} else if strings.Contains(all, "strconv") {
				t.Errorf("these are the words of a programmer: %s", all)
			}
		})
	}
}

// What no second try would change is not tried again, and no model is named where none
// was needed.
func TestUselessWindow(t *testing.T) {
	needRuntime(t)
	o := runProgram(t, "embed", simulatedRun(t, 2), "--window", "100").want(t, exitModel)
	if !strings.Contains(o.stderr, "window of 100 samples") || strings.Contains(o.stderr, "same command") || strings.Contains(o.stdout, "\nmodel ") {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

func TestMissingRuntimeSaysWhatToDo(t *testing.T) {
	dir := simulatedRun(t, 2)
	cmd := program(t, "embed", dir, "--nats", "off", "-o", "x.npy")
	cmd.Env = append(os.Environ(), "POREVEC_ORT="+filepath.Join(dir, "nothing.so"))
	o := finish(t, cmd).want(t, exitModel)
	if !strings.Contains(o.stderr, "make deps") {
		t.Errorf("stderr does not name the command that helps:\n%s", o.stderr)
	}
}

// Vectors of two models do not go into one file, and who saves them is told what helps.
func TestSubscribeTwoChemistries(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	store, saved := filepath.Join(dir, "store"), filepath.Join(dir, "v.parquet")
	for _, c := range []fixtures.Chemistry{fixtures.R9(), fixtures.R10()} {
		path := filepath.Join(dir, c.Name+".pod5")
		if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 3, Reads: 4, Chemistry: c}); err != nil {
			t.Fatal(err)
		}
		runProgram(t, "embed", path, "--store", store).want(t, 0)
	}
	o := runProgram(t, "subscribe", "--store", store, "-o", saved).want(t, exitFailure)
	for _, word := range []string{"dna_r9.4.1", "dna_r10.4.1", "--run"} {
		if !strings.Contains(o.stderr, word) {
			t.Errorf("%s is not in %s", word, o.stderr)
		}
	}
	if left, _ := filepath.Glob(saved + "*"); len(left) > 0 || strings.Contains(o.stderr, ".part") {
		t.Errorf("%v is left, and said is: %s", left, o.stderr)
	}
}

func TestEmbedAndSubscribe(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 10)
	store := filepath.Join(t.TempDir(), "store")
	first := runProgram(t, "embed", dir, "--store", store, "--json").want(t, 0).result(t)
	if first.Files != 2 || first.Reads != 10 || first.Chunks == 0 || first.Acknowledged != first.Chunks || first.Published != first.Chunks {
		t.Fatalf("result %+v", first)
	}
	if !strings.HasPrefix(first.Model, "dna_r10.4.1_e8.2_400bps_5khz@v") {
		t.Errorf("model %q", first.Model)
	}
	var skipped uint64
	for _, n := range first.SamplesSkipped {
		skipped += n
	}
	if first.Samples != first.SamplesEmbedded+skipped {
		t.Errorf("%d samples, %d embedded, %d skipped", first.Samples, first.SamplesEmbedded, skipped)
	}
	second := runProgram(t, "embed", dir, "--store", store, "--json").want(t, 0).result(t)
	if second.Acknowledged != 0 || second.ChunksStored != first.Chunks {
		t.Errorf("the second run acknowledged %d and found %d of %d chunks", second.Acknowledged, second.ChunksStored, first.Chunks)
	}

	all := vectors(t, runProgram(t, "subscribe", "--store", store, "--from", "start", "--until-idle", "1s", "--json").want(t, 0).stdout)
	if uint64(len(all)) != first.Chunks {
		t.Fatalf("%d vectors in the stream, want %d", len(all), first.Chunks)
	}
	v := all[0]
	if v.Run == "" || len(v.ReadID) != 36 || v.Channel == 0 || v.Samples == 0 || v.Model != first.Model || len(v.Embedding) != 128 {
		t.Errorf("row %+v", v)
	}
	// A wrong filter is noticed.
	for _, filter := range [][]string{{"--run", "1f0e"}, {"--kind", "alert"}, {"--read", "00000000-0000-0000-0000-000000000000"}} {
		if o := runProgram(t, append([]string{"subscribe", "--store", store}, filter...)...).want(t, 0); o.stdout != "" || !strings.Contains(o.stderr, v.Run) {
			t.Errorf("%v: %s%s", filter, o.stdout, o.stderr)
		}
	}
	if o := runProgram(t, "subscribe", "--store", store, "--run", v.Run).want(t, 0); o.stdout == "" || o.stderr != "" {
		t.Errorf("of a run that is there: %s", o.stderr)
	}
	one := vectors(t, runProgram(t, "subscribe", "--store", store, "--from", "start", "--until-idle", "1s", "--json", "--read", v.ReadID).want(t, 0).stdout)
	if len(one) == 0 || slices.ContainsFunc(one, func(o vector) bool { return o.ReadID != v.ReadID }) {
		t.Errorf("the filter by read gave %d rows", len(one))
	}
	if rows := vectors(t, runProgram(t, "subscribe", "--store", store, "--from", "start", "-n", "3", "--json").want(t, 0).stdout); len(rows) != 3 {
		t.Errorf("-n 3 gave %d rows", len(rows))
	}
	table := runProgram(t, "subscribe", "--store", store, "--from", "start", "-n", "2").want(t, 0).stdout
	if !strings.Contains(table, v.ReadID) {
		t.Errorf("the table does not show the first read:\n%s", table)
	}
}

// Parity: the vectors do not depend on the pace, and so not on how the signal
// is split on its way, nor on the number of workers or the size of batches.
func TestReadsThatNoFileHasAreNamed(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 3)
	list := filepath.Join(t.TempDir(), "ids.txt")
	const unknown = "00000000-0000-4000-8000-000000000001"
	if err := os.WriteFile(list, []byte(unknown+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := runProgram(t, "embed", dir, "-o", filepath.Join(t.TempDir(), "x.npy"), "-l", list).want(t, 0)
	if !strings.Contains(o.stderr, unknown) || !strings.Contains(o.stderr, list) {
		t.Errorf("stderr names neither read nor list:\n%s", o.stderr)
	}
}

func TestPaceChangesNoVector(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 8)
	fast := vectors(t, runProgram(t, "embed", dir, "-o", "-").want(t, 0).stdout)
	paced := vectors(t, runProgram(t, "embed", dir, "-o", "-", "--speed", "20x", "--threads", "3", "--batch", "5").want(t, 0).stdout)
	if d := cmp.Diff(fast, paced); d != "" {
		t.Errorf("replayed at the sequencer's pace, vectors differ:\n%s", d)
	}
}

func TestFilesHoldTheSameVectors(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 6)
	out := t.TempDir()
	rows := vectors(t, runProgram(t, "embed", dir, "-o", "-").want(t, 0).stdout)
	for _, name := range []string{"v.parquet", "v.arrow", "v.npy"} {
		path := filepath.Join(out, name)
		r := runProgram(t, "embed", dir, "--nats", "off", "-o", path, "--json").want(t, 0).result(t)
		info, err := os.Stat(path)
		if err != nil || r.Acknowledged != uint64(len(rows)) || info.Size() < int64(len(rows)*128*2) {
			t.Errorf("%s: %d of %d rows, %v, %v", name, r.Acknowledged, len(rows), info, err)
		}
	}
}

func TestCorruptInputIsNamedAndSkipped(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 12)
	good := runProgram(t, "embed", dir, "--nats", "off", "-o", "v.npy", "--json").want(t, 0).result(t)

	whole, err := os.ReadFile(filepath.Join(dir, "a.pod5"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty.pod5": nil, "foreign.pod5": []byte("this is no POD5 file"), "truncated.pod5": whole[:len(whole)/2],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := runProgram(t, "embed", dir, "--nats", "off", "-o", "v.npy", "--json").want(t, exitSkipped)
	r := o.result(t)
	if r.Files != 5 || r.FilesFailed != 3 || r.Acknowledged != good.Acknowledged {
		t.Errorf("%d files, %d failed, %d of %d chunks", r.Files, r.FilesFailed, r.Acknowledged, good.Acknowledged)
	}
	for _, name := range []string{"empty.pod5", "foreign.pod5", "truncated.pod5"} {
		if !slices.ContainsFunc(r.Errors, func(e resultError) bool { return filepath.Base(e.File) == name && e.Class == "corrupt" }) {
			t.Errorf("%s is not among the errors %v", name, r.Errors)
		}
	}
}

// What was damaged in one run and is whole in the next must be embedded then, and
// nothing twice.
func TestRepairedReadIsEmbedded(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 12)
	path := filepath.Join(dir, "a.pod5")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := fixtures.BreakSignal(path, 3, 0); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "store")
	damaged := runProgram(t, "embed", dir, "--store", store, "--json").want(t, exitSkipped).result(t)
	if damaged.Skipped["corrupt"] != 1 || damaged.Acknowledged == 0 {
		t.Fatalf("result %+v", damaged)
	}
	again := runProgram(t, "embed", dir, "--store", store, "--json").want(t, exitSkipped).result(t)
	if again.Acknowledged != 0 || again.ChunksStored != damaged.Acknowledged {
		t.Errorf("the damaged run again: %d acknowledged, %d of %d stored before", again.Acknowledged, again.ChunksStored, damaged.Acknowledged)
	}
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	repaired := runProgram(t, "embed", dir, "--store", store, "--json").want(t, 0).result(t)
	if repaired.Acknowledged == 0 || repaired.ChunksStored != damaged.Acknowledged {
		t.Errorf("repaired: %d acknowledged, %d of %d stored before", repaired.Acknowledged, repaired.ChunksStored, damaged.Acknowledged)
	}
	rows := vectors(t, runProgram(t, "subscribe", "--store", store, "--until-idle", "1s", "--json").want(t, 0).stdout)
	if uint64(len(byKey(t, rows))) != repaired.Chunks {
		t.Errorf("%d vectors in the stream, want %d", len(rows), repaired.Chunks)
	}
	last := runProgram(t, "embed", dir, "--store", store, "--json").want(t, 0).result(t)
	if last.Acknowledged != 0 || last.ChunksStored != last.Chunks {
		t.Errorf("once more: %d acknowledged", last.Acknowledged)
	}
}

// A file is given its name only when it is whole; what an interrupted run leaves
// has another, and is gone on with.
func TestInterruptedFile(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	path := filepath.Join(t.TempDir(), "v.ndjson")
	cmd := program(t, "embed", dir, "-o", path, "--speed", "1x", "--quiet")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d", code)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a part of the vectors has the name of the whole file")
	}
	o := runProgram(t, "embed", dir, "-o", path, "--json").want(t, 0)
	if r := o.result(t); r.ChunksStored == 0 || r.ChunksStored+r.Acknowledged != r.Chunks {
		t.Errorf("%d of %d chunks were there, %d came new", r.ChunksStored, r.Chunks, r.Acknowledged)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := vectors(t, runProgram(t, "embed", dir, "-o", "-").want(t, 0).stdout)
	if got := vectors(t, string(text)); len(got) != len(want) || len(byKey(t, got)) != len(want) {
		t.Errorf("%d vectors, want %d", len(got), len(want))
	}
}

func TestInterruptDrains(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	store := filepath.Join(t.TempDir(), "store")
	cmd := program(t, "embed", dir, "--store", store, "--speed", "1x", "--json")
	var stdout strings.Builder
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is looked at
	o := outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String()}
	r := o.want(t, exitInterrupted).result(t)
	if r.Chunks == 0 || r.Acknowledged != r.Chunks {
		t.Errorf("%d chunks were cut, %d acknowledged: the drain lost some", r.Chunks, r.Acknowledged)
	}
	rest := runProgram(t, "embed", dir, "--store", store, "--json").want(t, 0).result(t)
	if rest.ChunksStored != r.Acknowledged || rest.ChunksStored+rest.Acknowledged != rest.Chunks {
		t.Errorf("the next run found %d chunks stored (want %d), added %d of %d", rest.ChunksStored, r.Acknowledged, rest.Acknowledged, rest.Chunks)
	}
}
