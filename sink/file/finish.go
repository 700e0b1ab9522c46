package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/porevec/porevec/internal/durable"
	"github.com/porevec/porevec/sink/arrow"
	"github.com/porevec/porevec/sink/ndjson"
	"github.com/porevec/porevec/sink/npy"
	"github.com/porevec/porevec/sink/parquet"
	"github.com/porevec/porevec/sink/wire"
)

// format writes rows in one of the formats.
type format interface {
	Write(*wire.Batch) error
	Close() error
}

// part is a file that gets its name when it is whole.
type part struct {
	file   *os.File
	target string
}

// finishing is a file that is made of a journal.
type finishing struct {
	parts  []part // the main one first
	format format
}

// targets are the main file and what lies beside it.
func targets(path string) []string {
	if extension(path) != ".npy" {
		return []string{path}
	}
	beside := strings.TrimSuffix(path, filepath.Ext(path))
	return []string{path, beside + ".ids.tsv", beside + ".meta.json"}
}

// Names are all files that Create and what follows it may write.
func Names(path string) []string {
	names := []string{path + ".part"}
	for _, target := range targets(path) {
		names = append(names, target, target+".tmp")
	}
	return names
}

func begin(path string, info wire.FileInfo) (*finishing, error) {
	f := &finishing{}
	main, err := f.create(path)
	if err != nil {
		return nil, err
	}
	switch extension(path) {
	case ".parquet":
		f.format = parquet.NewWriter(main, info)
	case ".arrow":
		f.format = arrow.NewWriter(main, info)
	case ".ndjson":
		f.format = ndjson.NewWriter(main)
	case ".npy":
		names := targets(path)
		ids, err := f.create(names[1])
		if err != nil {
			return nil, err
		}
		meta, err := f.create(names[2])
		if err != nil {
			return nil, err
		}
		f.format = npy.NewWriter(main, ids, meta, info)
	}
	return f, nil
}

func (f *finishing) create(target string) (*os.File, error) {
	file, err := os.Create(target + ".tmp")
	if err != nil {
		f.discard()
		return nil, fmt.Errorf("create %s: %w", target, err)
	}
	f.parts = append(f.parts, part{file, target})
	return file, nil
}

// end makes the files durable under their names. An older main file goes before what lies
// beside it is replaced, and the new one gets its name last: so whatever ends this, a main
// file fits what lies beside it. The journal holds all rows meanwhile.
func (f *finishing) end() error {
	if err := f.format.Close(); err != nil {
		return err
	}
	for _, p := range f.parts {
		if err := errors.Join(p.file.Sync(), p.file.Close()); err != nil {
			return fmt.Errorf("finish %s: %w", p.target, err)
		}
	}
	if main := f.parts[0].target; len(f.parts) > 1 {
		if err := os.Remove(main); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("finish %s: %w", main, err)
		}
		durable.SyncDir(filepath.Dir(main))
	}
	for i := len(f.parts) - 1; i >= 0; i-- {
		p := f.parts[i]
		if err := os.Rename(p.file.Name(), p.target); err != nil {
			return fmt.Errorf("finish %s: %w", p.target, err)
		}
		f.parts = f.parts[:i]
		durable.SyncDir(filepath.Dir(p.target))
	}
	return nil
}

// discard removes what did not get its name.
func (f *finishing) discard() {
	for _, p := range f.parts {
		_ = p.file.Close()
		_ = os.Remove(p.file.Name())
	}
	f.parts = nil
}
