// Package durable writes small files so that they outlast a power cut.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile replaces a file as a whole: when it returns, the new content is on disk, and
// until then the old one is there. Several processes may do so at once; one of them wins.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	SyncDir(filepath.Dir(path))
	return nil
}

// SyncDir makes the names in a folder durable. Where folders cannot be synced, they are.
func SyncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
