package replay

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FindFiles turns files and folders into a list of files. Files are taken as they
// are given, in their order; a folder stands for the *.pod5 and *.fast5 in it,
// sorted by name, and with recursive also for those in the folders below. Symbolic
// links are followed, but no folder is entered and no path listed twice. Hidden
// files are left out: some systems put companions named ._x.pod5 beside the real
// ones.
func FindFiles(paths []string, recursive bool) ([]string, error) {
	w := walk{recursive: recursive}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find files: %w", err)
		}
		if !info.IsDir() {
			w.add(path)
			continue
		}
		if err := w.folder(path, info); err != nil {
			return nil, fmt.Errorf("find files: %w", err)
		}
	}
	return w.files, nil
}

// walk gathers files.
type walk struct {
	recursive bool
	files     []string
	listed    map[string]bool // by clean path
	entered   []fs.FileInfo
}

func (w *walk) add(path string) {
	clean := filepath.Clean(path)
	if w.listed[clean] {
		return
	}
	if w.listed == nil {
		w.listed = make(map[string]bool)
	}
	w.listed[clean] = true
	w.files = append(w.files, path)
}

func (w *walk) folder(path string, info fs.FileInfo) error {
	for _, e := range w.entered {
		if os.SameFile(e, info) {
			return nil
		}
	}
	w.entered = append(w.entered, info)
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		below := filepath.Join(path, entry.Name())
		info, err := os.Stat(below) // of what a link points to
		if err != nil {
			continue // a dangling link, or gone meanwhile
		}
		switch {
		case info.IsDir() && w.recursive:
			err = w.folder(below, info)
		case info.Mode().IsRegular() && recorded(below):
			w.add(below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recorded says whether a path is named like a file of recorded reads.
func recorded(path string) bool {
	ext := filepath.Ext(path)
	return strings.EqualFold(ext, ".pod5") || strings.EqualFold(ext, ".fast5")
}
