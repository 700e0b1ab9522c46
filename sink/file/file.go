// Package file stores vectors in files: Parquet, Arrow, NumPy or lines of JSON,
// by the name's extension.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/arrow"
	"github.com/porevec/porevec/sink/ndjson"
	"github.com/porevec/porevec/sink/npy"
	"github.com/porevec/porevec/sink/parquet"
	"github.com/porevec/porevec/sink/wire"
)

// gatherRows is how many rows are gathered before they are written together.
const gatherRows = 4096

// format writes rows in one of the formats.
type format interface {
	Write(*wire.Batch) error
	Close() error
}

// File is a sink.Sink of one file, or two for NumPy. While it is written it has
// the target's name with ".part" behind it; it gets its own name when it is
// whole. Its rows are durable, and settle, only then: in Close after Flush. A
// file that gets no rows is not made.
//
// All rows have one recipe: vectors of two do not belong into one space.
type File struct {
	name   string
	parts  []part
	format format

	recipe  *signal.Recipe // of the first row; nil before it
	rows    wire.Batch     // gathered
	pending []func(error)
	whole   bool // nothing came since the last Flush
	partial bool // the input ended early: keep the name that says so
	closed  bool
	err     error // the first failure to write; nothing is accepted after
}

// Known says whether the name's extension is that of a format.
func Known(path string) bool {
	switch extension(path) {
	case ".parquet", ".arrow", ".npy", ".ndjson":
		return true
	}
	return false
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

// Create begins a file. One that exists is replaced when the new one is whole.
// Of x.npy the rows' names go to x.ids.tsv.
func Create(path string) (*File, error) {
	if !Known(path) {
		return nil, fmt.Errorf("create %s: the name must end in .parquet, .arrow, .npy or .ndjson", path)
	}
	f := &File{name: path}
	main, err := f.create(path)
	if err != nil {
		return nil, err
	}
	switch extension(path) {
	case ".parquet":
		f.format = parquet.NewWriter(main)
	case ".arrow":
		f.format = arrow.NewWriter(main)
	case ".npy":
		ids, err := f.create(strings.TrimSuffix(path, filepath.Ext(path)) + ".ids.tsv")
		if err != nil {
			f.discard()
			return nil, err
		}
		f.format = npy.NewWriter(main, ids)
	case ".ndjson":
		f.format = ndjson.NewWriter(main)
	}
	return f, nil
}

func (f *File) create(target string) (*os.File, error) {
	p, err := newPart(target)
	if err != nil {
		return nil, err
	}
	f.parts = append(f.parts, p)
	return p.file, nil
}

// Put takes the vectors into the file. Its memory is bounded by a row group.
func (f *File) Put(_ context.Context, e *signal.Embedded, done func(error)) error {
	if err := f.accepts(e.Recipe); err != nil {
		return err
	}
	if len(e.Vectors) != len(e.Chunks)*e.Recipe.Dim {
		return fmt.Errorf("write %s: %d chunks of dimension %d come with %d values", f.name, len(e.Chunks), e.Recipe.Dim, len(e.Vectors))
	}
	f.pending = append(f.pending, done)
	for i, c := range e.Chunks {
		if f.rows.Len() >= gatherRows || f.rows.Run != c.Read.Run {
			f.writeGathered()
			f.rows.Reset(c.Read.Run, f.recipe)
		}
		f.rows.Append(c, e.Row(i))
	}
	return nil
}

// Write takes decoded rows into the file, in place of Put.
func (f *File) Write(b *wire.Batch) error {
	if err := f.accepts(b.Recipe); err != nil {
		return err
	}
	f.writeGathered()
	same := *b
	same.Recipe = f.recipe // they may differ in the version of porevec
	f.write(&same)
	return f.err
}

// accepts checks that the file can take rows of the recipe.
func (f *File) accepts(r *signal.Recipe) error {
	_, json := f.format.(*ndjson.Writer)
	switch {
	case f.closed:
		return fmt.Errorf("write %s: %w", f.name, os.ErrClosed)
	case f.err != nil:
		return f.err
	case f.recipe == nil || json:
		if f.recipe != r {
			f.writeGathered()
			f.rows.Reset(nil, nil)
		}
		f.recipe = r
	case !sameSpace(f.recipe, r):
		return fmt.Errorf("write %s: it holds vectors of %s, these are of %s (or of another window, hop or type) and cannot be compared with them: "+
			"embed the runs of each chemistry into a file of their own", f.name, f.recipe.ModelID, r.ModelID)
	}
	f.whole = false
	return nil
}

// sameSpace compares all but porevec's version.
func sameSpace(a, b *signal.Recipe) bool {
	left, right := *a, *b
	left.Version, right.Version = "", ""
	return left == right
}

func (f *File) writeGathered() {
	if f.rows.Len() > 0 {
		f.write(&f.rows)
		f.rows.Reset(f.rows.Run, f.recipe)
	}
}

func (f *File) write(b *wire.Batch) {
	if f.err == nil {
		if err := f.format.Write(b); err != nil {
			f.err = fmt.Errorf("%s: %w", f.name, err)
		}
	}
}

// KeepPartial leaves the file the name ".part" when it is closed: it can be read,
// but does not hold all that it was to hold.
func (f *File) KeepPartial() { f.partial = true }

// Flush says that the file may become whole as it is; a Close without it
// discards the file.
func (f *File) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.writeGathered()
	f.whole = f.err == nil
	return f.err
}

// errGivenUp settles rows of a file that was closed without Flush.
var errGivenUp = &signal.Error{Class: signal.Cancelled, Op: "write", Err: errors.New("the file was given up before it was whole")}

// Close makes the file whole and durable, or discards it, and settles all rows.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	result := f.err
	switch {
	case f.err == nil && f.whole && f.recipe != nil:
		result = f.finish()
	case f.err == nil && len(f.pending) > 0:
		result = errGivenUp
	}
	f.discard() // what did not get its name
	for _, done := range f.pending {
		done(result)
	}
	f.pending = nil
	if errors.Is(result, errGivenUp) {
		return nil
	}
	return result
}

func (f *File) finish() error {
	if err := f.format.Close(); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	// The main file comes last: when it is there, all is.
	for i := len(f.parts) - 1; i >= 0; i-- {
		if err := f.parts[i].finish(f.partial); err != nil {
			return err
		}
		f.parts = f.parts[:i]
	}
	return nil
}

func (f *File) discard() {
	for _, p := range f.parts {
		p.discard()
	}
	f.parts = nil
}

// NDJSON makes a sink that writes lines of JSON to out, which it does not close.
// Rows settle as soon as they are written.
func NDJSON(out io.Writer) *Lines { return &Lines{format: ndjson.NewWriter(out)} }

// Lines is a sink.Sink of lines of JSON.
type Lines struct {
	format *ndjson.Writer
	rows   wire.Batch
}

// Put writes the vectors at once.
func (l *Lines) Put(_ context.Context, e *signal.Embedded, done func(error)) error {
	for i, c := range e.Chunks {
		if i == 0 || c.Read.Run != l.rows.Run {
			if err := l.write(); err != nil {
				return err
			}
			l.rows.Reset(c.Read.Run, e.Recipe)
		}
		l.rows.Append(c, e.Row(i))
	}
	if err := l.write(); err != nil {
		return err
	}
	done(nil)
	return nil
}

func (l *Lines) write() error {
	if l.rows.Len() == 0 {
		return nil
	}
	err := l.format.Write(&l.rows)
	l.rows.Reset(nil, nil)
	return err
}

// Flush has nothing left to do.
func (l *Lines) Flush(context.Context) error { return nil }

// Close has nothing left to do.
func (l *Lines) Close() error { return nil }
