//go:build linux && cgo

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/fixtures"
)

// A driver of NVIDIA's cards hangs for good, from its first call on or in the middle of
// a run that computes on the CPU: the run ends as ever.
func TestGraphicsDriverHangs(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	if _, err := fixtures.WriteRun([]string{filepath.Join(dir, "run.pod5")}, fixtures.RunSpec{Seed: 11, Reads: 6}); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]int{
		"at first": 1,
		"later":    3, // two cards answer once
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lib := t.TempDir()
			library := filepath.Join(lib, "libnvidia-ml.so.1")
			if out, err := exec.Command("cc", "-shared", "-fPIC", "-w", "-o", library, "../../power/testdata/nvml.c",
				"-DFROM="+strconv.Itoa(from), "-DHANG="+strconv.Quote(library)).CombinedOutput(); err != nil {
				t.Skipf("no C compiler: %v: %s", err, out)
			}
			cmd := program(t, "embed", dir, "--speed", "5x", "--store", filepath.Join(t.TempDir(), "store"))
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+lib)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Opening waits 10 s, a reading and the end 2 s each.
			end := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
			defer end.Stop()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v:\n%s", err, &stderr)
			}
			if n := strings.Count(stderr.String(), "graphics cards"); n == 0 || n > 2 {
				t.Errorf("told %d times:\n%s", n, &stderr)
			}
		})
	}
}
