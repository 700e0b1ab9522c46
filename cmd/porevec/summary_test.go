package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/porevec/porevec/fixtures"
)

// Every read has its line, whatever came of it, and the lines agree with the report.
func TestSummary(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 12)
	damaged := filepath.Join(dir, "z.pod5")
	if _, err := fixtures.WriteRun([]string{damaged}, fixtures.RunSpec{Seed: 3, Reads: 3}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 { // in the signal of a read
		content[4000+i] ^= 0xff
	}
	if err := os.WriteFile(damaged, content, 0o644); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(t.TempDir(), "reads.tsv")
	r := runProgram(t, "embed", dir, "--store", filepath.Join(t.TempDir(), "store"), "--summary", table, "--json").want(t, exitSkipped).result(t)
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[0]+"\n" != summaryColumns || !strings.HasPrefix(lines[0], "filename\tread_id\trun_id\tchannel\tmux\tstart_time\tduration\t") {
		t.Errorf("columns %q", lines[0])
	}
	var chunks, samples uint64
	skipped := make(map[string]uint64)
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		n, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil || len(f) != 12 || !strings.HasSuffix(f[0], ".pod5") || len(f[1]) != 36 {
			t.Fatalf("%q: %v", line, err)
		}
		chunks += n
		if f[8] != "" {
			s, err := strconv.ParseUint(f[8], 10, 64)
			duration, err2 := strconv.ParseFloat(f[6], 64)
			if err != nil || err2 != nil || f[2] == "" || duration < float64(s)/5000-1e-4 || duration > float64(s)/4000+1e-4 {
				t.Errorf("%q: %v, %v", line, err, err2)
			}
			samples += s
		}
		if f[10] != "" {
			skipped[f[10]]++
		}
		if (f[11] == "") != (f[8] == "") {
			t.Errorf("model of %q", line)
		}
	}
	if uint64(len(lines)-1) != r.Reads || chunks != r.Chunks || samples > r.Samples {
		t.Errorf("%d reads, %d chunks, %d samples; the report says %d, %d, %d", len(lines)-1, chunks, samples, r.Reads, r.Chunks, r.Samples)
	}
	for reason, n := range r.Skipped {
		if skipped[reason] != n {
			t.Errorf("%d reads are %s, the report says %d", skipped[reason], reason, n)
		}
	}
	if skipped["corrupt"] == 0 {
		t.Errorf("skipped %v: the test has not what it is for", skipped)
	}
	if _, err := os.Stat(table + ".part"); err == nil {
		t.Error("the part is left")
	}
}
