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
}

func TestTooManyNotificationsAreOne(t *testing.T) {
	n, err := newNotices()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	for i := range maxDirty {
		n.note(fmt.Sprint(i))
	}
	if paths, all := n.take(); len(paths) != maxDirty || all {
		t.Errorf("%d paths, all %v, want just the %d paths", len(paths), all, maxDirty)
	}
	for i := range maxDirty + 5 {
		n.note(fmt.Sprint(i))
	}
	if paths, all := n.take(); len(paths) > maxDirty || !all {
		t.Errorf("%d paths, all %v, want at most %d and all", len(paths), all, maxDirty)
	}
	if paths, all := n.take(); len(paths) > 0 || all {
		t.Errorf("%d paths, all %v, want nothing", len(paths), all)
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
