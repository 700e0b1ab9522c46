package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// part is a file that gets its name when it is whole.
type part struct {
	file   *os.File
	target string
}

func newPart(target string) (part, error) {
	file, err := os.Create(target + ".part")
	if err != nil {
		return part{}, fmt.Errorf("create %s: %w", target, err)
	}
	return part{file, target}, nil
}

// finish makes the file durable under its name, or under the one it has while it
// is written.
func (p part) finish(partial bool) error {
	err := errors.Join(p.file.Sync(), p.file.Close())
	if err == nil && !partial {
		err = os.Rename(p.file.Name(), p.target)
	}
	if err != nil {
		os.Remove(p.file.Name())
		return fmt.Errorf("finish %s: %w", p.target, err)
	}
	// Best effort: not every system can sync a folder.
	if dir, err := os.Open(filepath.Dir(p.target)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

func (p part) discard() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}
