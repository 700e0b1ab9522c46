package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/porevec/porevec/replay"
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

// checkOutput refuses, before there is work to lose, a flag's output that is one of the
// inputs, files or folders of recordings, or that cannot be written.
func checkOutput(flag, output string, inputs ...string) error {
	info, err := os.Stat(output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkFolder(flag, output)
	case err != nil:
		return usageError("%s: %w", flag, err)
	case info.IsDir():
		return usageError("%s %s: that is a folder: name a file", flag, output)
	case !info.Mode().IsRegular():
		return nil // a device or a pipe
	}
	for _, input := range inputs {
		files, _ := replay.FindFiles([]string{input}, false) // what is not there is told of later
		for _, path := range files {
			if samePath(path, output) {
				return usageError("%s %s would overwrite an input", flag, output)
			}
		}
	}
	file, err := os.OpenFile(output, os.O_WRONLY, 0)
	if err != nil {
		return usageError("%s: %w", flag, err)
	}
	return file.Close()
}

// checkFolder refuses an output for which no file can be made. Only making one tells.
func checkFolder(flag, output string) error {
	dir := filepath.Dir(output)
	probe, err := os.CreateTemp(dir, ".porevec-*")
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("%s %s: the folder %s does not exist", flag, output, dir)
	}
	if err != nil {
		return usageError("%s %s: nothing can be written into the folder %s: %w", flag, output, dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// checkText is checkOutput for tables and lines of JSON. They may have any name but that
// of an input: of "-o run/*.pod5" the shell makes the first file the output, and only
// the others are inputs.
func checkText(flag, output string, inputs ...string) error {
	if err := checkOutput(flag, output, inputs...); err != nil {
		return err
	}
	switch extension := strings.ToLower(filepath.Ext(output)); extension {
	case ".pod5", ".fast5", ".parquet", ".arrow", ".npy", ".pvi", ".toml":
		return usageError("%s %s: it gets text, and %s is how inputs are named: name another file", flag, output, extension)
	}
	return nil
}

// samePath says whether two paths lead to one file, or would if it were there.
func samePath(a, b string) bool {
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	if errOne == nil && errOther == nil {
		return os.SameFile(one, other)
	}
	one, errOne = os.Stat(filepath.Dir(a))
	other, errOther = os.Stat(filepath.Dir(b))
	return errOne == nil && errOther == nil && os.SameFile(one, other) && filepath.Base(a) == filepath.Base(b)
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
