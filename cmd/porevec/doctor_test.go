package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The exit code tells which part of a computer to look at.
func TestDoctorNamesWhatFails(t *testing.T) {
	needRuntime(t)
	o := runProgram(t, "doctor", "--store", filepath.Join(t.TempDir(), "no", "store")).want(t, exitDelivery)
	if !strings.Contains(o.stdout, "FAIL  disk") {
		t.Errorf("stdout does not name the disk:\n%s", o.stdout)
	}
	cmd := program(t, "doctor")
	cmd.Env = append(os.Environ(), "POREVEC_ORT="+filepath.Join(t.TempDir(), "nothing.so"))
	finish(t, cmd).want(t, exitModel)
}
