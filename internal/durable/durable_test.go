package durable

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Whoever writes at the same time: the file is one of theirs as a whole, and nothing else
// is left behind.
func TestWriteFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	var writers sync.WaitGroup
	for _, letter := range "abcdefgh" {
		writers.Go(func() {
			for range 10 {
				if err := WriteFile(path, []byte(strings.Repeat(string(letter), 10_000)), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != strings.Repeat(string(text[:1]), 10_000) {
		t.Errorf("the file is of several: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
