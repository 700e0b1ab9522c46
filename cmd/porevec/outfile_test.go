package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing is written over an input, over a file that the shell put behind a flag in place
// of an output's name, or over what another flag writes.
func TestOutputsLeaveInputsAlone(t *testing.T) {
	dir := simulatedRun(t, 2)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"ids.tsv", "x.ids.tsv", "c.tsv.part", "carried.ndjson", "g.fa", "h.fa", "p.pvi", "v.arrow", "w.arrow"} {
		if err := os.WriteFile(at(name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// As a folder may hold it: a recording under the name of a table.
	if err := os.Rename(at("b.pod5"), at("b.tsv")); err != nil {
		t.Fatal(err)
	}
	content := func() string {
		var all strings.Builder
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(at(e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(e.Name() + "\n" + string(text) + "\n")
		}
		return all.String()
	}
	before := content()
	for name, c := range map[string]struct {
		says string
		args []string
	}{
		"--summary a.pod5":                     {".tsv", []string{"embed", at("b.tsv"), "-o", at("n.npy"), "--summary", at("a.pod5")}},
		"--summary, an input":                  {"would overwrite an input", []string{"embed", at("b.tsv"), "-o", at("n.npy"), "--summary", at("b.tsv")}},
		"--summary, list of reads":             {"would overwrite an input", []string{"embed", dir, "-l", at("ids.tsv"), "-o", at("n.npy"), "--summary", at("ids.tsv")}},
		"--summary, its part is an input":      {"would overwrite an input", []string{"embed", at("c.tsv.part"), "-o", at("n.npy"), "--summary", at("c.tsv")}},
		"--summary and -o":                     {".tsv", []string{"embed", dir, "-o", at("n.ndjson"), "--summary", at("n.ndjson")}},
		"--summary and what is beside -o":      {"-o", []string{"embed", dir, "-o", at("n.npy"), "--summary", dir + "/./n.ids.tsv"}},
		"-o, list of reads beside it":          {"would overwrite an input", []string{"embed", dir, "-l", at("x.ids.tsv"), "-o", at("x.npy")}},
		"live --reads and -o":                  {"-o", []string{"live", "-o", at("n.ndjson"), "--reads", at("n.ndjson")}},
		"live --reads a.pod5":                  {".pod5", []string{"live", "--reads", at("a.pod5")}},
		"missed --per-read a.pod5":             {".pod5", []string{"live", "missed", "--per-read", at("a.pod5"), at("b.tsv")}},
		"missed --per-read, what came":         {"would overwrite an input", []string{"live", "missed", dir, "--reads", at("carried.ndjson"), "--per-read", at("carried.ndjson")}},
		"simulate --sent a.pod5":               {".pod5", []string{"simulate", "--dir", t.TempDir(), "--sent", at("a.pod5"), at("b.tsv")}},
		"simulate --sent, an input":            {"would overwrite an input", []string{"simulate", "--dir", t.TempDir(), "--sent", at("b.tsv"), at("b.tsv")}},
		"index build -o *.fa":                  {".pvi", []string{"index", "build", "-o", at("g.fa"), at("h.fa")}},
		"index search -o *.pod5":               {".pod5", []string{"index", "search", "--index", at("p.pvi"), "-o", at("a.pod5"), at("b.tsv")}},
		"index search -o *.arrow":              {".arrow", []string{"index", "search", "--index", at("p.pvi"), "-o", at("v.arrow"), at("w.arrow")}},
		"index search -o, list of reads":       {"would overwrite an input", []string{"index", "search", "--index", at("p.pvi"), "-l", at("ids.tsv"), "-o", at("ids.tsv"), dir}},
		"inspect --plot with no .png, as ever": {".png", []string{"inspect", "--plot", at("a.pod5"), at("b.tsv")}},
	} {
		o := runProgram(t, c.args...).want(t, exitUsage)
		if !strings.Contains(o.stderr, c.says) {
			t.Errorf("%s: stderr does not say %q:\n%s", name, c.says, o.stderr)
		}
		if content() != before {
			t.Fatalf("%s: a file has changed", name)
		}
	}
}

// An output that cannot be written is found before the work, whatever command it is of.
func TestOutputsAreCheckedFirst(t *testing.T) {
	dir := simulatedRun(t, 2)
	outputs := map[string]string{
		"folder":       "that is a folder",
		"no/x":         "does not exist",
		"a.pod5/x":     "not a directory",
		"readonly/new": "permission denied",
	}
	for _, ending := range []string{".npy", ".tsv", ".png", ".pvi"} {
		if err := os.Mkdir(filepath.Join(dir, "folder"+ending), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "readonly"), 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		delete(outputs, "readonly/new") // root may write everywhere
	}
	for output, says := range outputs {
		path := filepath.Join(dir, output)
		for _, args := range [][]string{
			{"embed", dir, "-o", path + ".npy"},
			{"embed", dir, "-o", filepath.Join(dir, "v.npy"), "--summary", path + ".tsv"},
			{"watch", dir, "-o", path + ".npy"},
			{"live", "-o", path + ".npy"},
			{"live", "--reads", path + ".tsv"},
			{"live", "missed", dir, "--per-read", path + ".tsv"},
			{"subscribe", "-o", path + ".npy"},
			{"index", "build", "x.fa", "-o", path + ".pvi"},
			{"index", "search", "--index", "x.pvi", dir, "-o", path + ".tsv"},
			{"inspect", dir, "--plot", path + ".png"},
			{"simulate", dir, "--dir", t.TempDir(), "--sent", path + ".tsv"},
		} {
			if o := runProgram(t, args...).want(t, exitUsage); !strings.Contains(o.stderr, says) && !strings.Contains(o.stderr, "no regular file") {
				t.Errorf("%v: stderr does not say %q:\n%s", args, says, o.stderr)
			}
		}
	}
	for _, pattern := range []string{".porevec-*", "*.part"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
