package watch

import (
	"errors"
	"io/fs"
	"time"
)

// candidate is a file that may be finished one day.
type candidate struct {
	File
	since   time.Time // when it was first seen like this
	round   int       // of the last look that met it
	due     bool      // it stands in the list
	settles bool      // its content does not show whether it is complete
}

// meet takes note of a file. A file that was met like this before is asked about
// only in a look at everything.
func (w *Watcher) meet(f File, everything bool) {
	if w.known(f) {
		delete(w.waiting, f.Name)
		delete(w.refused, f.Name)
		return
	}
	if c := w.refused[f.Name]; c != nil {
		if !c.unlike(f) {
			c.round = w.round
			return
		}
		delete(w.refused, f.Name)
	}
	c := w.waiting[f.Name]
	if c == nil || c.unlike(f) {
		c = &candidate{File: f, since: time.Now()}
		w.waiting[f.Name] = c
	} else if !everything {
		return
	}
	c.round = w.round
	if f.Size > 0 && !c.due { // an empty file was not begun
		c.due = true
		w.due = append(w.due, c)
	}
}

// known says whether a file is not to be handed out any more.
func (w *Watcher) known(f File) bool {
	return w.met.has(f) || w.opts.Seen != nil && w.opts.Seen.Has(f)
}

// ask finds out whether a file is finished.
func (w *Watcher) ask(c *candidate) {
	c.due = false
	if w.waiting[c.Name] != c {
		return // it changed, or went
	}
	if w.known(c.File) { // it was met under another name
		delete(w.waiting, c.Name)
		return
	}
	done, bad, err := false, false, ErrUndecided
	if !c.settles {
		done, err = w.opts.Finished(c.Path)
	}
	var trouble *fs.PathError
	switch {
	case errors.Is(err, ErrUndecided):
		c.settles = true
		done = w.settled(c)
	case errors.Is(err, fs.ErrNotExist):
		w.drop(c.Name)
		return
	case errors.As(err, &trouble):
		if w.news(c.Name + ": " + err.Error()) {
			w.log.Warn("cannot be read; it is tried again", "file", c.Path, "error", err)
		}
		return
	case err != nil:
		// It may be on its way: there are copies that get their size first and their
		// content later.
		done, bad = w.settled(c), true
	}
	if !done {
		return
	}
	if !c.unchanged() {
		w.look(c.Name, false) // the answer was about something else
		return
	}
	delete(w.waiting, c.Name)
	if bad {
		w.refused[c.Name] = c
	} else {
		w.met.add(c.File)
	}
	w.queue = append(w.queue, c.File)
}

// settled says whether a file has not changed for so long that it will not any more.
// A time of modification counts only if the clock of this computer gave it: by that
// of a file server, a file that is being written may look old.
func (w *Watcher) settled(c *candidate) bool {
	if time.Since(c.since) >= w.opts.Settle {
		return true
	}
	return time.Since(time.Unix(0, c.ModTimeNS)) >= w.opts.Settle && w.ownClock(c.Path)
}

// settling says whether there is a file that only time will finish.
func (w *Watcher) settling() bool {
	for _, c := range w.waiting {
		if c.settles {
			return true
		}
	}
	return false
}
