package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/watch"
)

// watchedFiles hands the files of a watched folder to a source, and notes those
// whose vectors are durable.
type watchedFiles struct {
	watcher *watch.Watcher
	dealt   *watch.Log // nil: nothing is remembered
	idle    time.Duration
	log     *slog.Logger
	bytes   atomic.Int64

	idled bool         // no file was finished for that long
	left  []watch.File // never finished, still to be handed out then

	mu      sync.Mutex
	handed  map[string]watch.File // out, by path
	through []watch.File          // all of their blocks have been taken
	rested  bool                  // what atRest said last
}

// openWatchLog opens the memory of a watch and makes the folder that it lies in.
func openWatchLog(path string) (*watch.Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return watch.OpenLog(path)
}

func isPathError(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path)
}

// errIdle ends the wait for a finished file.
var errIdle = errors.New("no file was finished for a while")

// Next waits for the next finished file. When there was none for long enough, those
// that never were finished come: opening them says what is wrong, and they are counted
// as failed.
func (f *watchedFiles) Next(ctx context.Context) (string, error) {
	if !f.idled {
		file, err := f.finished(ctx)
		if err == nil {
			return f.hand(file), nil
		}
		if !errors.Is(err, errIdle) {
			return "", err
		}
		f.log.Info("no file was finished for a while: ending", "idle", f.idle)
		f.idled, f.left = true, f.watcher.Unfinished()
	}
	if len(f.left) == 0 {
		return "", io.EOF
	}
	file := f.left[0]
	f.left = f.left[1:]
	return f.hand(file), nil
}

// finished waits for a finished file, but no longer than is allowed once the watcher
// is at rest.
func (f *watchedFiles) finished(ctx context.Context) (watch.File, error) {
	if f.idle == 0 {
		return f.watcher.Next(ctx)
	}
	for wait := f.idle; ; wait = time.Second {
		limited, cancel := context.WithTimeout(ctx, wait)
		file, err := f.watcher.Next(limited)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return file, err
		}
		if f.watcher.AtRest() {
			return file, errIdle
		}
	}
}

// hand notes that a file is out, and gives its path.
func (f *watchedFiles) hand(file watch.File) string {
	f.bytes.Add(file.Size)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handed[file.Path] = file
	return file.Path
}

// tellUnfinished ends the watching and names the files that may still be being written.
func (f *watchedFiles) tellUnfinished() {
	var names []string
	for _, file := range f.watcher.Unfinished() {
		names = append(names, file.Name)
	}
	if len(names) > 0 {
		f.log.Info("not read, since they are not finished", "files", strings.Join(names, ", "))
	}
}

// Bytes is the size of all files so far.
func (f *watchedFiles) Bytes() int64 { return f.bytes.Load() }

// ended is told of files whose blocks have all been taken, or that failed.
func (f *watchedFiles) ended(path string, err error) {
	f.mu.Lock()
	file, known := f.handed[path]
	delete(f.handed, path)
	if known && err == nil {
		f.through = append(f.through, file)
	}
	f.mu.Unlock()
	if known && err != nil && lostFile(err) {
		f.watcher.Again(file)
	}
}

// atRest says whether all that is finished in the folder has been read.
func (f *watchedFiles) atRest() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rested = len(f.handed) == 0 && f.watcher.AtRest()
	return f.rested
}

// settle notes the files that ended, once everything that was read is durable or
// accounted for. As long as something failed, none is noted: the next start reads
// them again and delivers what is missing.
func (f *watchedFiles) settle(progress func() pipeline.Report) {
	f.mu.Lock()
	n := len(f.through)
	f.mu.Unlock()
	if n == 0 || f.dealt == nil {
		return
	}
	r := progress() // taken after the files: it includes all of their samples
	if r.ChunksFailed+r.ChunksCancelled > 0 || r.Check() != nil {
		return
	}
	f.mu.Lock()
	files := f.through[:n:n]
	f.through = f.through[n:]
	f.mu.Unlock()
	for _, file := range files {
		if err := f.dealt.Add(file); err != nil {
			f.log.Warn("a file that was dealt with could not be noted: the next start reads it again", "file", file.Name, "error", err)
		}
	}
}

func (f *watchedFiles) close() {
	if f.watcher != nil {
		_ = f.watcher.Close() // nothing was written
	}
	if f.dealt != nil {
		if err := f.dealt.Close(); err != nil {
			f.log.Warn("watch log", "error", err)
		}
	}
}
