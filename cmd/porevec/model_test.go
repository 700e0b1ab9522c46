package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
)

func TestModelCheck(t *testing.T) {
	needRuntime(t)
	o := runProgram(t, "model", "check", "--json").want(t, 0)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	if len(lines) != len(embed.Models()) {
		t.Fatalf("%d lines for %d models", len(lines), len(embed.Models()))
	}
	for i, m := range embed.Models() {
		var r embed.Report
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil || r.Model != m.ID || !r.Pass || len(r.Checks) < 4 {
			t.Errorf("%v: %s", err, lines[i])
		}
	}
}

// What fails is named with its figure and limit, and decides the exit code.
func TestModelCheckFails(t *testing.T) {
	needRuntime(t)
	id := embed.Models()[0].ID
	dir := t.TempDir()
	runProgram(t, "model", "export", id, "-o", dir).want(t, 0)
	tower, golden := filepath.Join(dir, id+".int8.onnx"), filepath.Join(dir, id+".golden.json")
	runProgram(t, "model", "check", tower).want(t, 0)

	change := func(path, old, new string) {
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(content, []byte(old)) {
			t.Fatalf("%s: no %q, %v", path, old, err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(content, []byte(old), []byte(new)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change(golden, `"embedding": [`, `"embedding": [7, `)
	change(golden, `"embedding_fp32": [`, `"embedding": [], "embedding_fp32": [`)
	o := runProgram(t, "model", "check", tower).want(t, exitModel)
	if !strings.Contains(o.stderr, id+": golden: ") {
		t.Errorf("stderr does not name the check:\n%s", o.stderr)
	}
	change(tower, "leader.samples", "leader.simples")
	o = runProgram(t, "model", "check", "--json", tower).want(t, exitModel)
	if !strings.Contains(o.stdout, `"pass":false`) || !strings.Contains(o.stderr, id) || !strings.Contains(o.stderr, "(at most 0)") ||
		!strings.Contains(o.stderr, "leader.samples") {
		t.Errorf("stdout: %s\nstderr: %s", o.stdout, o.stderr)
	}
}

func TestModelExport(t *testing.T) {
	m := embed.Models()[0]
	list := runProgram(t, "model", "list").want(t, 0).stdout
	dir := filepath.Join(t.TempDir(), "new")
	runProgram(t, "model", "export", m.ID, "--output", dir).want(t, 0)
	for _, a := range embed.Artefacts(m.ID) {
		got, err := os.ReadFile(filepath.Join(dir, a.Name))
		if err != nil || !bytes.Equal(got, a.Content) {
			t.Errorf("%s: %d bytes, %v", a.Name, len(got), err)
		}
		if !strings.Contains(list, a.Kind+" ") {
			t.Errorf("the list does not name %s:\n%s", a.Kind, list)
		}
	}
	one := t.TempDir()
	o := runProgram(t, "model", "export", m.ID, "--kind", "reference", "-o", one).want(t, 0)
	if entries, _ := os.ReadDir(one); len(entries) != 1 || strings.TrimSpace(o.stdout) != filepath.Join(one, entries[0].Name()) {
		t.Errorf("wrote %v, said %s", entries, o.stdout)
	}
	runProgram(t, "model", "export", m.ID, "--kind", "int3").want(t, exitUsage)
	runProgram(t, "model", "export", "dna@v999").want(t, exitModel)
	var shown struct {
		Files map[string]int `json:"files"`
	}
	show := runProgram(t, "model", "show", "--json", m.ID).want(t, 0).stdout
	if err := json.Unmarshal([]byte(show), &shown); err != nil || shown.Files["int8"] != len(m.File) {
		t.Errorf("%v: %s", err, show)
	}
}
