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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/ndjson"
	"github.com/porevec/porevec/sink/wire"
)

// Options say how a file is made.
type Options struct {
	// Fresh throws away what an interrupted run left, instead of going on with it.
	Fresh bool
	// Choice is what a replay is limited to.
	Choice checkpoint.Choice
	// Pool makes one vector of those of a read: wire.PoolMean. "" keeps all.
	Pool string
}

// File is a sink.Sink of one file, or three for NumPy. Until all rows are there they lie
// in a journal, which has the file's name with ".part" behind it; then they are written
// in the file's format, and the file gets its name. Rows settle when they are durable in
// the journal, at most syncEvery after the Put that follows. A run that was interrupted,
// however, goes on with its journal. A file that gets no rows is not made.
//
// All rows have one recipe: vectors of two do not belong into one space.
type File struct {
	name    string
	options Options
	journal *journal

	storedMu sync.Mutex                    // Stored is asked from another goroutine
	stored   map[string]*checkpoint.Stored // by run
	// asked are the tracks of which a chunk was looked for. The journal may hold others only
	// by mistake.
	asked map[checkpoint.Track]bool

	recipe *signal.Recipe // of the first row; nil before it
	runs   []wire.RunInfo // of the rows
	open   []*gathering
	mixed  bool // lines of JSON name their model each

	waiting []checkpoint.Owed // in the journal, and not synced
	synced  time.Time
	begun   int64 // length of the journal then

	whole   bool // nothing came since the last Flush
	partial bool // the input ended early
	closed  bool
	err     error // the first failure to write; nothing is accepted after
}

// gathering are rows that go into the journal together.
type gathering struct {
	checkpoint.Message
	run *signal.Run
}

const (
	syncEvery = time.Second
	syncBytes = 8 << 20
)

// Known says whether the name's extension is that of a format.
func Known(path string) bool {
	switch extension(path) {
	case ".parquet", ".arrow", ".npy", ".ndjson":
		return true
	}
	return false
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

// Create begins a file, or goes on with one that was interrupted. One that is whole is
// replaced when the new one is. Of x.npy the rows' names go to x.ids.tsv, and how they
// were made to x.meta.json.
func Create(path string, options Options) (*File, error) {
	if !Known(path) {
		return nil, fmt.Errorf("create %s: the name must end in .parquet, .arrow, .npy or .ndjson", path)
	}
	f := &File{name: path, options: options, stored: make(map[string]*checkpoint.Stored), asked: make(map[checkpoint.Track]bool), mixed: extension(path) == ".ndjson", synced: time.Now()}
	choice := options.Choice.Token()
	var err error
	f.journal, err = openJournal(path+".part", options.Fresh, func(r record, b *wire.Batch) error {
		if f.recipe != nil && !f.mixed && !sameSpace(f.recipe, b.Recipe) {
			return fmt.Errorf("it holds vectors of %s and of %s: move it away", f.recipe.ModelID, b.Recipe.ModelID)
		}
		f.recipe = b.Recipe
		f.note(r.Run)
		if track, span, ok := checkpoint.ParseID(r.Batch); ok {
			if track.Choice != choice {
				return errors.New("it is of an interrupted run of other reads (-l) or another number of their chunks (--max-chunks-per-read): run that command again, or move the file away")
			}
			f.add(r.Run.Run, track, span)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	f.begun = f.journal.size
	return f, nil
}

// Resumed says whether an interrupted run is gone on with.
func (f *File) Resumed() bool { return f.recipe != nil }

// add notes that a stretch of a run is in the journal.
func (f *File) add(run string, track checkpoint.Track, span checkpoint.Span) {
	f.storedMu.Lock()
	defer f.storedMu.Unlock()
	if f.stored[run] == nil {
		f.stored[run] = &checkpoint.Stored{}
	}
	f.stored[run].Add(track, span)
}

// has says whether a chunk is in the journal, and which place comes after what is there
// before it.
func (f *File) has(run string, track checkpoint.Track, at checkpoint.Place) (bool, checkpoint.Place) {
	f.storedMu.Lock()
	defer f.storedMu.Unlock()
	f.asked[track] = true
	stored := f.stored[run]
	if stored == nil {
		return false, checkpoint.Place{}
	}
	return stored.Has(track, at), stored.Next(track, at)
}

// note keeps what is told of a run.
func (f *File) note(run wire.RunInfo) {
	if !slices.Contains(f.runs, run) {
		f.runs = append(f.runs, run)
	}
}

// Stored says whether the journal holds the vector of the chunk. It may be called from any
// goroutine.
func (f *File) Stored(_ context.Context, recipe *signal.Recipe, c signal.Chunk) (bool, error) {
	if c.Read.Origin.Source == "" {
		return false, nil
	}
	has, _ := f.has(c.Read.Run.AcquisitionID, checkpoint.TrackOf(recipe, c.Read, f.options.Choice), checkpoint.PlaceOf(c))
	return has, nil
}

// Put takes the vectors into the journal. What it holds already settles without being
// stored again. Memory is bounded by what goes into the journal at a time.
func (f *File) Put(_ context.Context, e *signal.Embedded, done func(error)) error {
	if err := f.accepts(e.Recipe); err != nil {
		return err
	}
	if len(e.Vectors) != len(e.Chunks)*e.Recipe.Dim {
		return fmt.Errorf("write %s: %d chunks of dimension %d come with %d values", f.name, len(e.Chunks), e.Recipe.Dim, len(e.Vectors))
	}
	if len(e.Chunks) == 0 {
		done(nil)
		return nil
	}
	debt := checkpoint.NewDebt(len(e.Chunks), done)
	for i, c := range e.Chunks {
		m := f.gather(c.Read, e.Recipe)
		if has, next := f.has(c.Read.Run.AcquisitionID, m.Track, checkpoint.PlaceOf(c)); !has && !m.Holds(c) {
			if c.AfterHole || m.Rows.Len()*wire.RowBytes(e.Recipe) >= recordBytes {
				f.append(m)
			}
			m.Add(c, e.Row(i), next)
		}
		m.Owe(debt)
	}
	if time.Since(f.synced) > syncEvery || f.journal.size-f.begun > syncBytes {
		f.sync()
	}
	return nil
}

// gather finds the rows that a read's go to.
func (f *File) gather(read *signal.Read, recipe *signal.Recipe) *gathering {
	track := checkpoint.TrackOf(recipe, read, f.options.Choice)
	for _, m := range f.open {
		if m.Track == track && m.run.AcquisitionID == read.Run.AcquisitionID {
			return m
		}
	}
	// A run keeps its order: one source ends before the next begins.
	f.open = slices.DeleteFunc(f.open, func(m *gathering) bool {
		same := m.run.AcquisitionID == read.Run.AcquisitionID
		if same {
			f.append(m)
		}
		return same
	})
	const most = 64 // runs at a time
	if len(f.open) == most {
		f.sync()
	}
	m := &gathering{run: read.Run}
	m.Reset(track, read.Run, recipe)
	f.open = append(f.open, m)
	return m
}

// append moves gathered rows into the journal; they settle with the next sync.
func (f *File) append(m *gathering) {
	if m.Rows.Len() > 0 && f.err == nil {
		if err := f.journal.append(m.ID(), &m.Rows, m.run); err != nil {
			f.fail(err)
		} else {
			f.note(wire.InfoOf(m.run))
			f.add(m.run.AcquisitionID, m.Track, m.Span())
		}
	}
	f.waiting = append(f.waiting, m.Owed()...)
	m.Reset(m.Track, m.run, f.recipe)
}

func (f *File) fail(err error) {
	if f.err == nil {
		f.err = fmt.Errorf("write %s: %w; what is in %s.part stays: the same command goes on with it", f.name, err, f.name)
	}
}

// sync makes everything so far durable, and settles it.
func (f *File) sync() {
	for _, m := range f.open {
		f.append(m)
	}
	f.open = f.open[:0]
	if f.err == nil {
		if err := f.journal.sync(); err != nil {
			f.fail(err)
		}
	}
	checkpoint.Settle(f.waiting, f.err)
	clear(f.waiting)
	f.waiting = f.waiting[:0]
	f.synced, f.begun = time.Now(), f.journal.size
}

// Write takes decoded rows into the file, in place of Put.
func (f *File) Write(b *wire.Batch) error {
	if err := f.accepts(b.Recipe); err != nil {
		return err
	}
	if err := f.journal.append("", b, b.Run); err != nil {
		f.fail(err)
	}
	f.note(wire.InfoOf(b.Run))
	return f.err
}

// accepts checks that the file can take rows of the recipe.
func (f *File) accepts(r *signal.Recipe) error {
	switch {
	case f.closed:
		return fmt.Errorf("write %s: %w", f.name, os.ErrClosed)
	case f.err != nil:
		return f.err
	case f.recipe != nil && !f.mixed && !sameSpace(f.recipe, r):
		advice := "embed the runs of each chemistry into a file of their own; if " + f.name + ".part is of an earlier try, move it away"
		if f.options.Fresh {
			advice = "save one run at a time (--run; 'porevec store list' names them)"
		}
		return fmt.Errorf("write %s: it holds vectors of %s, these are of %s (or of another window, hop or type) and cannot be compared with them: %s",
			f.name, f.recipe.ModelID, r.ModelID, advice)
	case f.recipe == nil:
		f.recipe = r
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

// KeepPartial leaves the journal when the file is closed, to be gone on with: it does
// not hold all that it was to hold.
func (f *File) KeepPartial() { f.partial = true }

// Flush makes everything durable, and says that the file may become whole as it is. A
// Close without it leaves the journal.
func (f *File) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.sync()
	f.whole = f.err == nil
	return f.err
}

// Close makes the file whole, or leaves the journal, and settles all rows.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	f.sync()
	switch {
	case f.err == nil && f.whole && !f.partial && f.recipe != nil:
		f.err = f.finish()
	case f.journal.empty(), f.options.Fresh && !f.whole:
		return errors.Join(f.err, f.journal.remove())
	}
	if f.err != nil || !f.whole || f.partial {
		return errors.Join(f.err, f.journal.close())
	}
	return f.journal.remove()
}

// foreign says that the journal holds rows of sources that were not in the input.
func (f *File) foreign() error {
	f.storedMu.Lock()
	defer f.storedMu.Unlock()
	var sources []string
	for _, stored := range f.stored {
		for track := range stored.Tracks() {
			if !f.asked[track] {
				sources = append(sources, track.Source)
			}
		}
	}
	if len(sources) == 0 {
		return nil
	}
	slices.Sort(sources)
	return fmt.Errorf("%s.part also holds rows of %s, which an interrupted run has left and which is not in the input now: "+
		"name all of the files, or move %s.part away and run this again", f.name, strings.Join(slices.Compact(sources), ", "), f.name)
}

// finish writes the rows of the journal in the file's format.
func (f *File) finish() error {
	if err := f.foreign(); err != nil {
		return err
	}
	out, err := begin(f.name, wire.FileInfo{Runs: f.runs, Pool: f.options.Pool})
	if err != nil {
		return err
	}
	defer out.discard()
	if f.options.Pool != "" {
		out.format = newPool(out.format)
	}
	whole, err := readJournal(f.journal.file, f.journal.size, func(_ record, b *wire.Batch) error {
		if !f.mixed {
			b.Recipe = f.recipe // they may differ in the version of porevec
		}
		return out.format.Write(b)
	})
	if err == nil && whole != f.journal.size {
		err = fmt.Errorf("%s.part can be read up to byte %d of %d only: the disk has changed it", f.name, whole, f.journal.size)
	}
	if err == nil {
		err = out.end()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w; its rows are in %s.part: the same command goes on with it", f.name, err, f.name)
	}
	return nil
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
