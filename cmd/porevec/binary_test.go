package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// builtBinary builds the real program once. It is built with the race detector, like
// the tests themselves, so that their compiled packages serve it too.
var builtBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "porevec-test-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "porevec")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-race", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if where := os.Getenv(brokerVariable); where != "" {
		os.Exit(beBroker(where))
	}
	code := m.Run()
	if path, err := builtBinary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// program prepares a run of the real binary without any settings from outside
// but the ONNX Runtime library.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// outcome is what a finished program left.
type outcome struct {
	code           int
	stdout, stderr string
}

func runProgram(t *testing.T, args ...string) outcome {
	t.Helper()
	return finish(t, program(t, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want fails the test when the program did not end with the code.
func (o outcome) want(t *testing.T, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

// result decodes the object that embed --json ends with.
func (o outcome) result(t *testing.T) result {
	t.Helper()
	var r result
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("not one JSON object: %v\nstdout: %s\nstderr: %s", err, o.stdout, o.stderr)
	}
	return r
}

// vector is a row of NDJSON.
type vector struct {
	Run        string    `json:"run"`
	ReadID     string    `json:"read_id"`
	Channel    int       `json:"channel"`
	Chunk      int       `json:"chunk"`
	ChunkStart int       `json:"chunk_start"`
	Samples    int       `json:"samples"`
	Flags      any       `json:"flags"`
	Model      string    `json:"model"`
	Embedding  []float64 `json:"embedding"`
}

func (v vector) key() string { return fmt.Sprintf("%s/%s/%d/%s", v.Run, v.ReadID, v.Chunk, v.Model) }

// vectors decodes NDJSON rows.
func vectors(t *testing.T, text string) []vector {
	t.Helper()
	var rows []vector
	lines := bufio.NewScanner(bytes.NewReader([]byte(text)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("row %d: %v: %s", len(rows), err, lines.Text())
		}
		rows = append(rows, v)
	}
	return rows
}
