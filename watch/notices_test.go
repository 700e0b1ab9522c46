package watch

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func TestLostNotificationsLeadToALookAtEverything(t *testing.T) {
	d := newFolder(t)
	opts := polled(false)
	opts.Poll = time.Hour
	var notices *notices
	w := d.begin(opts, func(w *Watcher) {
		notices = w.notices
		notices.add = func(string) error { return nil } // and says nothing ever
	})
	d.write("a.pod5", whole)
	notices.fs.Errors <- fsnotify.ErrEventOverflow
	expect(t, w, "a.pod5")
	d.write("b.pod5", whole)
	for i := range maxDirty + 1 {
		notices.note(d.path(fmt.Sprint(i)))
	}
	expect(t, w, "b.pod5")
	if len(notices.dirty) > maxDirty {
		t.Errorf("%d paths kept, want %d at most", len(notices.dirty), maxDirty)
	}
}

func TestNoNotificationsLeft(t *testing.T) {
	for err, advice := range map[error]string{
		syscall.ENOSPC: "fs.inotify.max_user_watches",
		syscall.EMFILE: "fs.inotify.max_user_instances",
		syscall.EIO:    "nothing needs to be done",
	} {
		t.Run(err.Error(), func(t *testing.T) {
			var log logged
			opts := polled(false)
			opts.Log = log.logger()
			d := newFolder(t)
			d.mkdir("below")
			w := d.begin(opts, func(w *Watcher) {
				w.notices.add = func(string) error { return err }
			})
			rounds(d, w, 3)
			d.write("below/a.pod5", whole)
			expect(t, w, "below/a.pod5")
			if n := log.count(advice); n != 1 {
				t.Errorf("advised %d times, want once: %s", n, log.text.String())
			}
		})
	}
}
