package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUndecided is what [Options].Finished gives for a file whose content does not
// show whether it is complete.
var ErrUndecided = errors.New("the content does not show whether the file is complete")

// Options choose what is watched and how.
type Options struct {
	// Recursive watches the folders below too, also those that are made later.
	Recursive bool
	// Poll is the time between two looks at everything; 0 means 10 s where there
	// are notifications and 2 s where there are none. Looks that take long are
	// made less often.
	Poll time.Duration
	// ForcePoll makes no use of notifications.
	ForcePoll bool
	// Finished says whether a file is complete. It is asked again when size or
	// time changed and, as long as it says no, whenever everything is looked at;
	// never about an empty file. ErrUndecided leaves the answer to Settle. Any
	// other error means that the file will never be complete: when it has settled,
	// it is handed out for whoever opens it to find out why, and then left alone
	// until it changes.
	// Errors of the file system (*fs.PathError) do not mean that; they are logged
	// once. Nil leaves all files to Settle.
	Finished func(path string) (done bool, err error)
	// Settle is how long a file that cannot be decided must keep its size and time
	// to count as complete; 0 means 30 s. The look after that finds it. It counts
	// from the file's time of modification where the clock of this computer gave
	// that, else from when the file was first seen like this.
	Settle time.Duration
	// Extensions keeps to the files with one of these, such as ".pod5"; none means all.
	Extensions []string
	// Seen knows files of earlier lives that are not to be handed out; may be nil.
	Seen Seen
	// Log gets warnings; nil logs nothing.
	Log *slog.Logger
}

// Seen is a memory of files. It may be asked at any time, from another goroutine.
type Seen interface {
	Has(File) bool
}

// Stats are counts of files.
type Stats struct {
	Waiting   int // in the folder, not finished
	Queued    int // finished, not handed out
	HandedOut int
	Refused   int // in the folder, will never be complete; handed out or queued
}

// Watcher finds finished files. Any goroutine may call any of its methods.
type Watcher struct {
	dir  string
	opts Options
	log  *slog.Logger

	ownClock func(path string) bool // the clock here gives a file its times

	out      chan File
	again    chan File
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{} // closed when run has ended
	closeErr error         // to be read after that

	handedOut atomic.Int64
	mu        sync.Mutex
	stats     Stats // without HandedOut
	atRest    bool

	// What follows belongs to run.

	notices *notices // nil without
	blind   bool     // some folder has no notifications
	gone    bool     // the watched folder is
	round   int      // counts the looks at everything

	folders map[string]folder // by name
	entered map[string]string // names of folders by identity
	waiting map[string]*candidate
	refused map[string]*candidate
	due     []*candidate // to be asked about
	queue   []File       // to be handed out
	met     memory       // was queued

	// told are the complaints of this round and the one before: what goes on is not
	// repeated.
	told, toldBefore map[string]bool
}

// New watches the folder dir.
func New(dir string, opts Options) (*Watcher, error) {
	w, err := prepare(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	go w.run()
	return w, nil
}

func prepare(dir string, opts Options) (*Watcher, error) {
	if err := readable(dir); err != nil {
		return nil, err
	}
	if opts.Settle == 0 {
		opts.Settle = 30 * time.Second
	}
	if opts.Finished == nil {
		opts.Finished = func(string) (bool, error) { return false, ErrUndecided }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		dir:      filepath.Clean(dir),
		opts:     opts,
		log:      opts.Log,
		ownClock: ownClock,
		out:      make(chan File),
		again:    make(chan File),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		folders:  make(map[string]folder),
		waiting:  make(map[string]*candidate),
		refused:  make(map[string]*candidate),
		met:      newMemory(),
	}
	if !opts.ForcePoll {
		var err error
		if w.notices, err = newNotices(); err != nil {
			w.log.Warn("no notifications of new files: the folder is polled", "dir", dir, "error", err, "advice", advice(err))
		}
	}
	return w, nil
}

// readable says why a folder cannot be watched.
func readable(dir string) error {
	f, err := os.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no such folder: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to read the folder: %w", err)
	case err != nil:
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("this is a file, not a folder")
	}
	if _, err := f.Readdirnames(1); err != nil && err != io.EOF {
		return err
	}
	return nil
}

// Next gives the next finished file: those that are found at the start by name,
// all later ones in the order in which they were completed. It waits until there
// is one. After Stop it gives io.EOF.
func (w *Watcher) Next(ctx context.Context) (File, error) {
	for {
		if w.stopped() {
			return File{}, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return File{}, err
		}
		select {
		case f := <-w.out:
			if w.stopped() {
				return File{}, io.EOF
			}
			if !f.unchanged() { // while it was queued
				w.Again(f)
				continue
			}
			w.handedOut.Add(1)
			return f, nil
		case <-ctx.Done():
			return File{}, ctx.Err()
		case <-w.stop:
			return File{}, io.EOF
		}
	}
}

// Again takes back a file that could not be read, since it was moved or the disk
// is gone. Wherever the next look at everything finds it, it is handed out
// again, unless Seen knows it.
func (w *Watcher) Again(f File) {
	select {
	case w.again <- f:
	case <-w.done:
	}
}

// Stop ends the watching; nothing is handed out afterwards.
func (w *Watcher) Stop() { w.stopOnce.Do(func() { close(w.stop) }) }

// Close is Stop, and waits until everything has ended. A call to the file system
// that hangs, as those to a lost network share may do, keeps it waiting.
func (w *Watcher) Close() error {
	w.Stop()
	<-w.done
	return w.closeErr
}

// Stats counts the files.
func (w *Watcher) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.HandedOut = int(w.handedOut.Load())
	return s
}

// Unfinished is Close, and lists by name the files in the folder that were not
// finished.
func (w *Watcher) Unfinished() []File {
	_ = w.Close() // nothing was written
	var files []File
	for _, c := range w.waiting {
		if _, err := os.Stat(c.Path); !errors.Is(err, fs.ErrNotExist) {
			files = append(files, c.File)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

// AtRest says whether the folder was looked at, all that is finished in it was handed
// out, and no file is settling.
func (w *Watcher) AtRest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.atRest
}

func (w *Watcher) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}
