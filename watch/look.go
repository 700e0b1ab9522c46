package watch

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// folder is one that was entered.
type folder struct {
	id    string
	round int
}

// root is the name of the watched folder.
const root = "."

// lookAtAll looks at the whole folder, forgets what is no longer there, and says
// when to do so again.
func (w *Watcher) lookAtAll() time.Duration {
	begun := time.Now()
	w.round++
	w.blind = w.notices == nil
	w.entered = make(map[string]string)
	w.told, w.toldBefore = make(map[string]bool), w.told

	before := len(w.due)
	w.lookAtRoot()
	if w.stopped() {
		return 0
	}
	w.sweep()
	if w.round == 1 {
		slices.SortFunc(w.due, func(a, b *candidate) int { return cmp.Compare(a.Name, b.Name) })
	} else {
		byTime(w.due[before:])
	}
	return w.pause(time.Since(begun))
}

// lookAtRoot is also what finds that the watched folder has gone or come back.
func (w *Watcher) lookAtRoot() {
	info, err := os.Stat(w.dir)
	if err == nil && !info.IsDir() {
		err = errors.New("a file stands in its place")
	}
	if err != nil {
		w.gone, w.blind = true, true
		if w.news(err.Error()) {
			w.log.Warn("the watched folder is gone; waiting for it to come back", "dir", w.dir, "error", err)
		}
		return
	}
	if w.gone {
		w.gone = false
		w.log.Info("the watched folder is back", "dir", w.dir)
	}
	w.lookIn(root, info)
}

// sweep drops what the look at everything did not meet.
func (w *Watcher) sweep() {
	for name, f := range w.folders {
		if f.round != w.round {
			w.leave(name)
		}
	}
	for _, files := range []map[string]*candidate{w.waiting, w.refused} {
		for name, c := range files {
			if c.round != w.round {
				delete(files, name)
			}
		}
	}
}

// lookAt looks at single paths. Those that are gone come first: what was moved is
// to lose its old name before it gets the new one.
func (w *Watcher) lookAt(paths map[string]struct{}) {
	before := len(w.due)
	var there []string
	for path := range paths {
		name, err := filepath.Rel(w.dir, path)
		if err != nil {
			continue // not ours
		}
		name = filepath.ToSlash(name)
		if name == root {
			w.lookAtAll()
			return
		}
		if hidden(name) {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			w.drop(name)
		} else {
			there = append(there, name)
		}
	}
	for _, name := range there {
		w.look(name, false)
	}
	byTime(w.due[before:])
}

// look looks at one name below the watched folder. In a look at everything, files
// that are not finished are asked about though they look unchanged.
func (w *Watcher) look(name string, everything bool) {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	info, err := os.Stat(path) // of what a link points to
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.drop(name)
	case err != nil:
		// Where it is one it may be thousands, for the same reason.
		if dir := filepath.Dir(path); w.news(dir + ": " + errors.Unwrap(err).Error()) {
			w.log.Warn("not all in the folder can be looked at", "dir", dir, "error", err)
		}
	case info.IsDir():
		if w.opts.Recursive {
			w.lookIn(name, info)
		}
	case info.Mode().IsRegular() && w.wanted(name):
		w.meet(newFile(w.dir, name, info), everything)
	}
}

// lookIn looks at what is in a folder, and at all below.
func (w *Watcher) lookIn(name string, info fs.FileInfo) {
	if w.stopped() {
		return
	}
	dir := filepath.Join(w.dir, filepath.FromSlash(name))
	id := identity(dir, info)
	if other, ok := w.entered[id]; ok && other != name {
		return // two links to one folder, or a circle
	}
	w.entered[id] = name
	w.folders[name] = folder{id: id, round: w.round}
	w.notify(dir) // before looking: nothing may come in between
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && w.news(err.Error()) {
		w.log.Warn("the folder cannot be read; the others are watched", "dir", dir, "error", err)
	}
	for _, entry := range entries {
		below := path.Join(name, entry.Name())
		if hidden(below) || entry.Type().IsRegular() && !w.wanted(below) {
			continue
		}
		w.look(below, true)
	}
}

// notify asks for notifications of what happens in a folder.
func (w *Watcher) notify(dir string) {
	if w.notices == nil {
		return
	}
	if remote(dir) {
		w.blind = true
		if w.news("remote") {
			w.log.Info("a network file system: it is polled, since it does not tell of new files", "dir", dir)
		}
		return
	}
	err := w.notices.add(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return // reading the folder says the same
	}
	w.blind = true
	if w.news(err.Error()) {
		w.log.Warn("no notifications for some folders: they are polled", "dir", dir, "error", err, "advice", advice(err))
	}
}

// drop forgets a name that is gone; when it was a folder, all below.
func (w *Watcher) drop(name string) {
	delete(w.waiting, name)
	delete(w.refused, name)
	if _, ok := w.folders[name]; !ok {
		return
	}
	below := name + "/"
	for other := range w.folders {
		if other == name || strings.HasPrefix(other, below) {
			w.leave(other)
		}
	}
	for _, files := range []map[string]*candidate{w.waiting, w.refused} {
		for other := range files {
			if strings.HasPrefix(other, below) {
				delete(files, other)
			}
		}
	}
}

// leave forgets a folder.
func (w *Watcher) leave(name string) {
	id := w.folders[name].id
	if w.entered[id] == name {
		delete(w.entered, id)
	}
	delete(w.folders, name)
	if w.notices != nil {
		w.notices.remove(filepath.Join(w.dir, filepath.FromSlash(name)))
	}
}

func (w *Watcher) wanted(name string) bool {
	return len(w.opts.Extensions) == 0 || slices.Contains(w.opts.Extensions, path.Ext(name))
}

func hidden(name string) bool { return strings.HasPrefix(path.Base(name), ".") }

// byTime puts files in the order in which they were last written to.
func byTime(files []*candidate) {
	slices.SortFunc(files, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.ModTimeNS, b.ModTimeNS), cmp.Compare(a.Name, b.Name))
	})
}
