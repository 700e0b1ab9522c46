package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that is begun with the first byte for it: a command that fails
// before leaves an older file as it is.
type outFile struct {
	path string
	file *os.File
}

func (o *outFile) Write(b []byte) (int, error) {
	if o.file == nil {
		file, err := os.Create(o.path)
		if err != nil {
			return 0, err
		}
		o.file = file
	}
	return o.file.Write(b)
}

// Close ends the file, if it was begun.
func (o *outFile) Close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// checkOutput refuses an output that is one of the inputs, files or folders of files,
// or whose folder does not exist.
func checkOutput(output string, inputs ...string) error {
	if dir := filepath.Dir(output); dir != "." {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return usageError("-o %s: the folder %s does not exist", output, dir)
		}
	}
	out, err := os.Stat(output)
	if err != nil {
		return nil // a new file is nobody's input
	}
	same := func(path string) bool {
		in, err := os.Stat(path)
		return err == nil && os.SameFile(in, out)
	}
	for _, input := range inputs {
		found := same(input)
		entries, _ := os.ReadDir(input) // a file has none
		for _, e := range entries {
			found = found || same(filepath.Join(input, e.Name()))
		}
		if found {
			return usageError("-o %s would overwrite an input", output)
		}
	}
	return nil
}

// regular refuses to put a file in the place of something that is none.
func regular(output string) error {
	if output == "-" {
		return usageError("-o -: an index is a file; name it")
	}
	if info, err := os.Stat(output); err == nil && !info.Mode().IsRegular() {
		return usageError("-o %s: that is no regular file", output)
	}
	return nil
}

// realPath follows links, so that what they point to is replaced.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return real, nil
}
