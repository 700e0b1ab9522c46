package watch

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// The looks are made by hand here: nothing depends on time.

func byHand(d folderUnderTest, opts Options) *Watcher {
	d.Helper()
	opts.ForcePoll = true
	w, err := prepare(d.dir, opts)
	d.must(err)
	w.ownClock = func(string) bool { return true }
	return w
}

// askAll asks about all files that are due, and gives the queue.
func askAll(w *Watcher) []File {
	for len(w.due) > 0 {
		c := w.due[0]
		w.due = w.due[1:]
		w.ask(c)
	}
	return w.queue
}

func (d folderUnderTest) changed(w *Watcher, names ...string) {
	paths := make(map[string]struct{})
	for _, name := range names {
		paths[d.path(name)] = struct{}{}
	}
	w.lookAt(paths)
	askAll(w)
}

func TestAskedAgainOnlyWhenChanged(t *testing.T) {
	d := newFolder(t)
	asked := 0
	w := byHand(d, Options{Finished: func(path string) (bool, error) {
		asked++
		return finished(path)
	}})
	want := func(n int, when string) {
		t.Helper()
		if askAll(w); asked != n {
			t.Fatalf("asked %d times %s, want %d", asked, when, n)
		}
	}
	d.write("a.pod5", nil)
	w.lookAtAll()
	want(0, "about an empty file")
	d.write("a.pod5", partial)
	d.changed(w, "a.pod5")
	want(1, "at first")
	d.changed(w, "a.pod5")
	want(1, "without a change")
	w.lookAtAll()
	want(2, "at the next look at everything")
	d.write("a.pod5", whole)
	d.changed(w, "a.pod5")
	want(3, "after a change")
	w.lookAtAll()
	d.changed(w, "a.pod5")
	want(3, "when it was finished")
	d.write("b.pod5", []byte("BAD"))
	w.lookAtAll()
	w.lookAtAll()
	want(4, "about one that stands in the list")
	w.lookAtAll()
	want(5, "while it may be on its way")
	past := time.Now().Add(-time.Hour)
	d.must(os.Chtimes(d.path("b.pod5"), past, past))
	d.changed(w, "b.pod5")
	want(6, "when it has settled")
	w.lookAtAll()
	want(6, "after it was refused")
}

func TestSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFolder(t)
		asked := 0
		w := byHand(d, Options{Settle: time.Minute, Finished: func(string) (bool, error) {
			asked++
			return false, ErrUndecided
		}})
		d.write("a.fast5", partial)
		w.lookAtAll()
		askAll(w)
		time.Sleep(50 * time.Second)
		d.write("a.fast5", whole)
		w.lookAtAll()
		askAll(w)
		time.Sleep(59 * time.Second)
		w.lookAtAll()
		if got := askAll(w); len(got) > 0 {
			t.Fatalf("%+v came too early", got)
		}
		time.Sleep(time.Second)
		w.lookAtAll()
		if got := askAll(w); len(got) != 1 || asked != 2 {
			t.Errorf("got %+v and was asked %d times, want one file, asked about when new and when changed", got, asked)
		}
	})
}

// A file's time makes it finished at the first look if it is by our clock. If not, or
// if it is still to come, only waiting does.
func TestSettledAtTheFirstLook(t *testing.T) {
	for name, c := range map[string]struct {
		age      time.Duration
		ownClock bool
		want     int
	}{
		"old":                    {time.Minute, true, 1},
		"new":                    {time.Minute - time.Second, true, 0},
		"of the future":          {-24 * time.Hour, true, 0},
		"old, by another clock":  {24 * time.Hour, false, 0},
		"future, another's time": {-24 * time.Hour, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newFolder(t)
				w := byHand(d, Options{Settle: time.Minute})
				w.ownClock = func(string) bool { return c.ownClock }
				d.write("a.fast5", whole)
				at := time.Now().Add(-c.age)
				d.must(os.Chtimes(d.path("a.fast5"), at, at))
				atRest := func(want bool) {
					t.Helper()
					if w.count(); w.AtRest() != want {
						t.Errorf("at rest is %v", !want)
					}
				}
				w.lookAtAll()
				if got := askAll(w); len(got) != c.want {
					t.Errorf("at first: %+v, want %d files", got, c.want)
				}
				atRest(false)
				time.Sleep(time.Minute)
				w.lookAtAll()
				if got := askAll(w); len(got) != 1 {
					t.Errorf("a minute later: %+v, want the file once", got)
				}
				w.queue = nil
				atRest(true)
			})
		})
	}
}

func TestWrittenToWhileAskedAbout(t *testing.T) {
	d := newFolder(t)
	w := byHand(d, Options{Finished: func(path string) (bool, error) {
		if info, _ := os.Stat(path); info.Size() == int64(len(partial)) {
			d.write("a.pod5", whole)
		}
		return finished(path)
	}})
	d.write("a.pod5", partial)
	w.lookAtAll()
	if got := askAll(w); len(got) != 1 || got[0].Size != int64(len(whole)) {
		t.Errorf("got %+v, want the whole file once", got)
	}
	w.lookAtAll()
	if got := askAll(w); len(got) != 1 {
		t.Errorf("got %+v, want the file once", got)
	}
}

func TestDeletedWhileAskedAbout(t *testing.T) {
	d := newFolder(t)
	w := byHand(d, Options{Finished: func(path string) (bool, error) {
		d.must(os.Remove(path))
		return true, nil
	}})
	d.write("a.pod5", whole)
	w.lookAtAll()
	if got := askAll(w); len(got) > 0 || len(w.waiting) > 0 {
		t.Errorf("got %+v, waiting %v, want nothing", got, w.waiting)
	}
}

func TestOrderOfCompletion(t *testing.T) {
	d := newFolder(t)
	w := byHand(d, Options{Finished: finished})
	w.lookAtAll()
	now := time.Now()
	for i, name := range []string{"c.pod5", "a.pod5", "b.pod5"} {
		d.write(name, whole)
		at := now.Add(time.Duration(i) * time.Second)
		d.must(os.Chtimes(d.path(name), at, at))
	}
	w.lookAtAll()
	got := askAll(w)
	if len(got) != 3 || got[0].Name != "c.pod5" || got[1].Name != "a.pod5" || got[2].Name != "b.pod5" {
		t.Errorf("got %+v", got)
	}
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		poll  time.Duration
		blind bool
		took  time.Duration
		want  time.Duration
	}{
		{0, false, 0, 10 * time.Second},
		{0, true, 0, 2 * time.Second},
		{time.Minute, true, 0, time.Minute},
		{0, true, 5 * time.Second, 20 * time.Second},
	} {
		w := &Watcher{opts: Options{Poll: c.poll}, blind: c.blind}
		if got := w.pause(c.took); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
