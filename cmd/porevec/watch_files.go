package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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

// Next waits for the next finished file.
func (f *watchedFiles) Next(ctx context.Context) (string, error) {
	if f.idle > 0 {
		limited, cancel := context.WithTimeout(ctx, f.idle)
		defer cancel()
		ctx = limited
	}
	file, err := f.watcher.Next(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		f.log.Info("no file was finished for a while: ending", "idle", f.idle)
		return "", io.EOF
	}
	if err != nil {
		return "", err
	}
	f.bytes.Add(file.Size)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handed[file.Path] = file
	return file.Path, nil
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
