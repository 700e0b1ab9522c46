package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// realData is the folder of real sequencing data, which is no part of the
// project; tests of it skip where it is not.
func realData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POREVEC_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "oracles.tsv")); err != nil {
		t.Skipf("no real data (POREVEC_DATA names its folder): %v", err)
	}
	return dir
}

// What independent readers saw in each real file, inspect must see too.
func TestInspectMatchesOracles(t *testing.T) {
	dir := realData(t)
	table, err := os.ReadFile(filepath.Join(dir, "oracles.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, line := range strings.Split(string(table), "\n") {
		name, want, _ := strings.Cut(line, "\t")
		if !strings.Contains(name, "/") {
			continue // the heading
		}
		o := runProgram(t, "inspect", "--json", "--hash", filepath.Join(dir, name)).want(t, 0)
		var s fileSummary
		if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d\t%d\t%s", s.Reads, s.Samples, strings.TrimLeft(s.Hash, "0")); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		checked++
	}
	if checked != 24 {
		t.Errorf("%d files checked, want 24", checked)
	}
}
