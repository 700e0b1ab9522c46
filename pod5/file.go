package pod5

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/signal"
)

// File is an open POD5 file. Its methods may be called from several goroutines.
type File struct {
	path    string
	source  string // signal.Origin.Source
	file    *os.File
	version string
	reads   *readColumns
	rows    *signalRows
	runs    []*signal.Run
	count   int

	indexOnce sync.Once
	byID      *readIndex
}

// Open reads what describes the file: footer, schemas, runs. No signal is read.
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, fail(path, "open", err)
	}
	return f, nil
}

func open(path string) (_ *File, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, fmt.Errorf("%w: it is no ordinary file", ErrNotPOD5)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	f, err := load(file, info.Size(), path)
	if err != nil {
		return nil, err
	}
	f.file = file
	return f, nil
}

// load reads the description of a file from any bytes.
func load(r io.ReaderAt, size int64, path string) (*File, error) {
	c, err := readContainer(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, source: fmt.Sprintf("%s#%x", filepath.Base(path), c.marker), version: c.version}
	table := func(kind schema.Content, name string) (*arrowipc.File, error) {
		s, ok := c.tables[kind]
		if !ok {
			return nil, fmt.Errorf("%w: it has no %s table", ErrCorrupt, name)
		}
		t, err := arrowipc.Open(r, s.offset, s.length)
		return t, tableError(name, err)
	}
	signals, err := table(schema.SignalTable, "signal")
	if err != nil {
		return nil, err
	}
	if f.rows, err = openSignalRows(r, signals); err != nil {
		return nil, tableError("signal", err)
	}
	reads, err := table(schema.ReadsTable, "reads")
	if err != nil {
		return nil, err
	}
	if _, ok := c.tables[schema.RunTable]; ok {
		runs, err := table(schema.RunTable, "run info")
		if err != nil {
			return nil, err
		}
		if f.runs, err = readRunTable(runs); err != nil {
			return nil, tableError("run info", err)
		}
	}
	if f.reads, err = openReadColumns(reads, f.runs); err != nil {
		return nil, tableError("reads", err)
	}
	if f.runs == nil {
		f.runs = f.reads.structRuns
	}
	f.count, err = f.reads.count()
	return f, tableError("reads", err)
}

// tableError names the table and sorts errors of the Arrow layer into ours.
func tableError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, arrowipc.ErrUnsupported):
		return fmt.Errorf("%w: %s table: %w", ErrUnsupported, name, err)
	case errors.Is(err, arrowipc.ErrCorrupt):
		return fmt.Errorf("%w: %s table: %w", ErrCorrupt, name, err)
	default:
		return fmt.Errorf("%s table: %w", name, err)
	}
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return fs.ErrClosed
	}
	return f.file.Close()
}

// Version is the version of the library that wrote the file, e.g. 0.3.23. It does
// not tell the layout.
func (f *File) Version() string { return f.version }

// Runs are the acquisitions that the file has reads of.
func (f *File) Runs() []*signal.Run { return f.runs }

// NumReads is the number of reads.
func (f *File) NumReads() int { return f.count }
