package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/fixtures"
)

func TestRecover(t *testing.T) {
	dir := simulatedRun(t, 10)
	whole, cut := filepath.Join(dir, "a.pod5"), filepath.Join(dir, "b.pod5")
	saved := filepath.Join(dir, "b.recovered.pod5")
	if out := runProgram(t, "recover", whole).want(t, 0).stdout; !strings.Contains(out, "whole") {
		t.Errorf("of a whole file: %s", out)
	}
	if o := runProgram(t, "inspect", cut).want(t, 0); o.stderr != "" {
		t.Error(o.stderr)
	}
	if err := fixtures.Truncate(cut, 0.9); err != nil {
		t.Fatal(err)
	}
	if o := runProgram(t, "inspect", cut).want(t, exitSkipped); !strings.Contains(o.stderr, "porevec recover") {
		t.Errorf("nobody is told of recover: %s", o.stderr)
	}
	before, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}

	// Only the signal is left.
	if o := runProgram(t, "recover", cut).want(t, exitInput); !strings.Contains(o.stdout, "--like") || !strings.Contains(o.stdout, "not_described") {
		t.Errorf("nobody is told what helps: %s", o.stdout)
	}
	if _, err := os.Stat(saved); err == nil {
		t.Error("an output without reads")
	}
	var s recoverSummary
	o := runProgram(t, "recover", "--json", "--like", whole, cut).want(t, exitSkipped)
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Reads == 0 || s.SignalOnlyReads != s.Reads || s.Output != saved {
		t.Errorf("%+v", s)
	}
	var in fileSummary
	if err := json.Unmarshal([]byte(runProgram(t, "inspect", "--json", "--hash", saved).want(t, 0).stdout), &in); err != nil {
		t.Fatal(err)
	}
	if in.Reads != s.Reads || in.Samples != s.Samples || len(in.SampleRates) != 1 || in.SampleRates[0] != 5000 {
		t.Errorf("%+v", in)
	}
	if after, err := os.ReadFile(cut); err != nil || string(after) != string(before) {
		t.Error("the file was changed")
	}

	into := filepath.Join(dir, "a", "new")
	runProgram(t, "recover", "--like", whole, "--output-dir", into, cut).want(t, exitSkipped)
	if _, err := os.Stat(filepath.Join(into, "b.recovered.pod5")); err != nil {
		t.Error(err)
	}
	if o := runProgram(t, "recover", "--output-dir", filepath.Join(whole, "below"), cut).want(t, exitUsage); !strings.Contains(o.stderr, "--output-dir") {
		t.Error(o.stderr)
	}

	// What exists is not replaced unasked.
	runProgram(t, "recover", "--signal-only", cut).want(t, exitUsage)
	runProgram(t, "recover", "--signal-only", "--force", cut).want(t, exitSkipped)
	runProgram(t, "recover", "--force", "-o", cut, cut).want(t, exitUsage)
	runProgram(t, "recover", "-o", filepath.Join(dir, "c.pod5"), cut, whole).want(t, exitUsage)
	runProgram(t, "recover", "-o", filepath.Join(dir, "c.pod5"), "--output-dir", dir, cut).want(t, exitUsage)

	// All reads of a file that lost its last bytes.
	if err := fixtures.Truncate(whole, 0.9999); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	runProgram(t, "recover", "--output-dir", folder, whole).want(t, 0)
	runProgram(t, "inspect", "--hash", filepath.Join(folder, "a.recovered.pod5")).want(t, 0)

	foreign := filepath.Join(dir, "x.pod5")
	if err := fixtures.WriteForeign(foreign); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "recover", foreign).want(t, exitInput)
	runProgram(t, "recover", filepath.Join(dir, "nothing.pod5")).want(t, exitInput)
	if os.Geteuid() == 0 {
		return // root may write anywhere
	}
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	if o := runProgram(t, "recover", "--output-dir", folder, "--signal-only", cut).want(t, exitFailure); !strings.Contains(o.stderr, "permission denied") {
		t.Error(o.stderr)
	}
}
