package watch

import (
	"errors"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// maxDirty bounds the paths that are kept for being looked at. When more have
// changed, a look at everything is no dearer.
const maxDirty = 10_000

// notices gathers the paths that the system says have changed. It always takes
// what the system has, however busy the watcher is: the system's queue is short,
// and fsnotify holds its lock while it reports some errors.
type notices struct {
	fs   *fsnotify.Watcher
	add  func(folder string) error
	wake chan struct{} // gets one when there is something to take
	done chan struct{}

	mu    sync.Mutex
	dirty map[string]struct{}
	all   bool // dirty does not say everything
}

func newNotices() (*notices, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	n := &notices{
		fs:    fs,
		add:   fs.Add,
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		dirty: make(map[string]struct{}),
	}
	go n.gather()
	return n, nil
}

func (n *notices) gather() {
	defer close(n.done)
	events, failures := n.fs.Events, n.fs.Errors
	for events != nil || failures != nil {
		select {
		case e, open := <-events:
			if !open {
				events = nil
				continue
			}
			n.note(e.Name)
		case _, open := <-failures: // an overflow mostly: something was lost
			if !open {
				failures = nil
				continue
			}
			n.noteAll()
		}
	}
}

func (n *notices) note(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.dirty) == maxDirty {
		n.all = true
	}
	if !n.all {
		n.dirty[path] = struct{}{}
	}
	n.signal()
}

func (n *notices) noteAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = true
	n.signal()
}

func (n *notices) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take gives what has changed since the last call; all means that it could have
// been anything.
func (n *notices) take() (paths map[string]struct{}, all bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	paths, all = n.dirty, n.all
	n.dirty, n.all = make(map[string]struct{}), false
	return paths, all
}

// remove ends the notifications of a folder, if there are any.
func (n *notices) remove(folder string) {
	_ = n.fs.Remove(folder) // it ended by itself when the folder was deleted
}

func (n *notices) close() error {
	err := n.fs.Close()
	<-n.done
	return err
}

// advice says what can be done so that there are notifications.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "allow more watched folders: sysctl fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "allow more watchers and open files: sysctl fs.inotify.max_user_instances=512, ulimit -n 65536"
	}
	return "nothing needs to be done; files are found a little later"
}
