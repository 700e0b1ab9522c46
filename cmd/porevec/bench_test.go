package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/embed"
)

// A short benchmark has a row for each stage, and its result can be compared.
func TestBenchAndCompare(t *testing.T) {
	needRuntime(t)
	o := runProgram(t, "bench", "--json", "--device", "cpu", "-t", "3", "--seconds", "0.05", simulatedRun(t, 12)).want(t, 0)
	var r benchResult
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("%v: %s", err, o.stdout)
	}
	type key struct {
		stage string
		cores int
	}
	want := []key{
		{"read (decode POD5)", 1}, {"cut (segment, medmad)", 1}, {"encode, batch 1", 1}, {"encode, batch 8", 1}, {"encode, batch 32", 1},
		{"encode, batch 8", 3}, {"publish, to disk", 1}, {"whole pipeline, to disk", 3},
	}
	var got []key
	for _, row := range r.Rows {
		got = append(got, key{row.Stage, row.Cores})
		if row.Samples == 0 || row.Seconds <= 0 || row.SamplesPerS <= 0 {
			t.Errorf("row %+v", row)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if r.Device != "cpu" || r.Model == "" || r.PeakINT8GOPS <= 0 || len(r.Files) == 0 || r.Batches.Count == 0 {
		t.Errorf("result %+v", r)
	}
	for _, f := range r.Files {
		if f.SamplesPerS <= 0 || f.Cosine == nil || *f.Cosine < 0.99 {
			t.Errorf("file %+v", f)
		}
	}

	before := write(t, r)
	for i := range r.Rows {
		r.Rows[i].SamplesPerS *= 2
	}
	text := runProgram(t, "bench", "compare", before, write(t, r)).want(t, 0).stdout
	for _, k := range want {
		if !strings.Contains(text, k.stage) {
			t.Errorf("no row of %s:\n%s", k.stage, text)
		}
	}
	if n := strings.Count(text, " 2.00 "); n < len(want) {
		t.Errorf("%d rows of %d are twice as fast:\n%s", n, len(want), text)
	}
	r.Rows[2].SamplesPerS = 0
	if o := runProgram(t, "bench", "compare", write(t, r), before).want(t, exitInput); !strings.Contains(o.stderr, r.Rows[2].Stage) {
		t.Errorf("stderr does not name the row without a speed:\n%s", o.stderr)
	}
}

// write saves a result as bench --json does.
func write(t *testing.T, r benchResult) (path string) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "result.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--seconds", "0"}, "--seconds"},
		{[]string{"--seconds", "-1"}, "--seconds"},
		{[]string{"--seconds", "NaN"}, "--seconds"},
		{[]string{"--seconds", "Inf"}, "--seconds"},
		{[]string{"--reads", "-5"}, "--reads"},
		{[]string{"read", "--seconds", "Inf", "x.pod5"}, "--seconds"},
		{[]string{"read", "-t", "1000000", "x.pod5"}, "--threads"},
		{[]string{"sink", "--seconds", "NaN"}, "--seconds"},
		{[]string{"sink", "--seconds", "Inf"}, "--seconds"},
		{[]string{"live", "--piece", "-1s"}, "--piece"},
		{[]string{"live", "-t", "0"}, "--piece 800ms --threads 0"},
	} {
		o := runProgram(t, append([]string{"bench"}, c.args...)...).want(t, exitUsage)
		if !strings.Contains(o.stderr, "porevec: "+c.says) {
			t.Errorf("%v: stderr does not begin with %s:\n%s", c.args, c.says, o.stderr)
		}
	}
}

func TestBenchWindowThatNoModelTakes(t *testing.T) {
	needRuntime(t)
	runProgram(t, "bench", "--window", "999", simulatedRun(t, 2)).want(t, exitModel)
}

// A model that lies alone has no golden chunks, and no figure of them.
func TestBenchModelWithoutSiblings(t *testing.T) {
	needRuntime(t)
	path := filepath.Join(t.TempDir(), "mine.onnx")
	if err := os.WriteFile(path, embed.Models()[0].File, 0o600); err != nil {
		t.Fatal(err)
	}
	o := runProgram(t, "bench", "--model", path, "--seconds", "0.02", "-t", "1", simulatedRun(t, 12)).want(t, 0)
	for line := range strings.Lines(o.stdout) {
		if cells := strings.Fields(line); len(cells) > 3 && cells[0] == "mine.onnx" && cells[3] == "-" {
			return
		}
	}
	t.Errorf("no row of the file without a cosine:\n%s", o.stdout)
}

func TestBenchInterrupted(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	cmd := program(t, "bench", "--seconds", "60", simulatedRun(t, 12))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for begin := time.Now(); left() == 0 && time.Since(begin) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	if left() == 0 {
		t.Error("no temporary folder to look after")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || left() > 0 {
		t.Errorf("exit code %d, and %d entries left behind", code, left())
	}
}
