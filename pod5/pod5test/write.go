package pod5test

import (
	"os"
	"path/filepath"
	"testing"
)

// Write writes a file of the given pod5test.Layout.
func Write(t testing.TB, dir, name string, l Layout, reads []Sample) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, l.Build(reads), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Noisy draws samples that compress as measured current does.
func Noisy(n int) []int16 {
	samples := make([]int16, n)
	state := uint32(1)
	for i := range samples {
		state = state*1664525 + 1013904223
		samples[i] = int16(500 + 20*(i/12%7) + int(state>>27))
	}
	return samples
}
