package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long something may take on a busy computer.
const patience = time.Minute

var (
	errBad  = errors.New("not a recording")
	whole   = []byte("signal END")
	partial = []byte("signal")
)

// finished is the rule of the files in these tests.
func finished(path string) (bool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if bytes.HasPrefix(content, []byte("BAD")) {
		return false, errBad
	}
	return bytes.HasSuffix(content, []byte("END")), nil
}

// forBoth runs a test with notifications alone and with polling alone.
func forBoth(t *testing.T, test func(t *testing.T, opts Options)) {
	opts := Options{Recursive: true, Finished: finished, Extensions: []string{".pod5"}}
	t.Run("notified", func(t *testing.T) {
		opts := opts
		opts.Poll = time.Hour
		test(t, opts)
	})
	t.Run("polled", func(t *testing.T) {
		opts := opts
		opts.ForcePoll, opts.Poll = true, 10*time.Millisecond
		test(t, opts)
	})
}

// polled are options for what only looks at everything can find, with
// notifications or without.
func polled(force bool) Options {
	return Options{Recursive: true, Finished: finished, Extensions: []string{".pod5"}, ForcePoll: force, Poll: 10 * time.Millisecond}
}

type folderUnderTest struct {
	*testing.T
	dir string
}

func newFolder(t *testing.T) folderUnderTest { return folderUnderTest{t, t.TempDir()} }

func (d folderUnderTest) path(name string) string { return filepath.Join(d.dir, name) }

func (d folderUnderTest) write(name string, content []byte) {
	d.Helper()
	d.must(os.WriteFile(d.path(name), content, 0o644))
}

func (d folderUnderTest) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d folderUnderTest) rename(from, to string) {
	d.Helper()
	d.must(os.Rename(d.path(from), d.path(to)))
}

func (d folderUnderTest) mkdir(name string) {
	d.Helper()
	d.must(os.MkdirAll(d.path(name), 0o755))
}

func (d folderUnderTest) watch(opts Options) *Watcher {
	d.Helper()
	w, err := New(d.dir, opts)
	d.must(err)
	d.closeAfter(w)
	return w
}

// begin starts a watcher that a test has tampered with.
func (d folderUnderTest) begin(opts Options, tamper func(*Watcher)) *Watcher {
	d.Helper()
	w, err := prepare(d.dir, opts)
	d.must(err)
	tamper(w)
	go w.run()
	d.closeAfter(w)
	return w
}

func (d folderUnderTest) closeAfter(w *Watcher) {
	d.Cleanup(func() {
		if err := w.Close(); err != nil {
			d.Error(err)
		}
	})
}

func next(t *testing.T, w *Watcher) File {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f, err := w.Next(ctx)
	if err != nil {
		t.Fatalf("no next file: %v; %+v", err, w.Stats())
	}
	return f
}

func expect(t *testing.T, w *Watcher, names ...string) {
	t.Helper()
	for _, name := range names {
		if got := next(t, w); got.Name != name {
			t.Fatalf("next file %q, want %q", got.Name, name)
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func waits(t *testing.T, w *Watcher, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d files waiting", n), func() bool { return w.Stats().Waiting == n })
}

// logged gathers what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// rounds waits until n more files, each written when the one before had come, were
// handed out: none that stands there already may come in between.
func rounds(d folderUnderTest, w *Watcher, n int) {
	d.Helper()
	for i := range n {
		name := fmt.Sprintf("round%d-%d.pod5", w.Stats().HandedOut, i)
		d.write(name, whole)
		expect(d.T, w, name)
	}
}

func TestFilesAtTheStartComeByNameAndOthersWhenFinished(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d := newFolder(t)
		d.mkdir("pod5_pass/barcode01")
		d.write("z.pod5", whole)
		d.write("pod5_pass/b.pod5", whole)
		d.write("pod5_pass/barcode01/a.pod5", whole)
		d.write("growing.pod5", partial)
		d.write("empty.pod5", nil)
		w := d.watch(opts)
		expect(t, w, "pod5_pass/b.pod5", "pod5_pass/barcode01/a.pod5", "z.pod5")
		waits(t, w, 2)
		d.write("empty.pod5", whole)
		expect(t, w, "empty.pod5")
		f, err := os.OpenFile(d.path("growing.pod5"), os.O_WRONLY|os.O_APPEND, 0)
		d.must(err)
		for range 50 {
			f.Write([]byte("more"))
		}
		f.Write([]byte("END"))
		d.must(f.Close())
		got := next(t, w)
		if want := d.path("growing.pod5"); got.Path != want || got.Size != 6+50*4+3 {
			t.Errorf("got %+v, want %s whole", got, want)
		}
		eventually(t, "only files that were handed out", func() bool { return w.Stats() == Stats{HandedOut: 5} })
	})
}

func TestFilesThatAppearUnderTheirName(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d, elsewhere := newFolder(t), newFolder(t)
		w := d.watch(opts)
		d.write("a.pod5.tmp", whole)
		d.rename("a.pod5.tmp", "a.pod5")
		expect(t, w, "a.pod5")
		for _, name := range []string{"moved", "linked", "pointed"} {
			elsewhere.write(name, whole)
		}
		d.must(os.Rename(elsewhere.path("moved"), d.path("b.pod5")))
		expect(t, w, "b.pod5")
		d.must(os.Link(elsewhere.path("linked"), d.path("c.pod5")))
		expect(t, w, "c.pod5")
		d.must(os.Symlink(elsewhere.path("pointed"), d.path("d.pod5")))
		expect(t, w, "d.pod5")
	})
}

func TestLeftOut(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d := newFolder(t)
		w := d.watch(opts)
		d.mkdir(".hidden")
		d.mkdir("folder.pod5")
		d.write(".hidden/a.pod5", whole)
		d.write("._a.pod5", whole)
		d.write("a.pod5.tmp", whole)
		d.write("a.txt", whole)
		d.must(os.Symlink("nowhere", d.path("dangling.pod5")))
		d.must(os.Symlink("itself.pod5", d.path("itself.pod5")))
		d.write("z.pod5", whole)
		expect(t, w, "z.pod5")
		eventually(t, "no other files", func() bool { return w.Stats() == Stats{HandedOut: 1} })
	})
}

func TestNotRecursive(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		opts.Recursive = false
		d := newFolder(t)
		d.mkdir("below")
		d.write("below/a.pod5", whole)
		w := d.watch(opts)
		d.write("below/b.pod5", whole)
		d.write("c.pod5", whole)
		expect(t, w, "c.pod5")
	})
}

func TestManyFilesAtOnceAndASlowConsumer(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		const files = 2000
		d := newFolder(t)
		w := d.watch(opts)
		for i := range files {
			d.write(fmt.Sprintf("%04d.pod5", i), whole)
		}
		eventually(t, "all files queued", func() bool { return w.Stats().Queued == files })
		met := make(map[string]bool)
		for range files {
			met[next(t, w).Name] = true
		}
		if len(met) != files {
			t.Errorf("%d different files, want %d", len(met), files)
		}
		d.write("last.pod5", whole)
		expect(t, w, "last.pod5")
	})
}

func TestNewFoldersWithFilesInThem(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		const folders = 100
		d := newFolder(t)
		w := d.watch(opts)
		for i := range folders {
			below := fmt.Sprintf("run%d/pod5_pass/barcode%02d", i%7, i)
			d.mkdir(below)
			d.write(below+"/a.pod5", whole)
			d.write(below+"/b.pod5", whole)
		}
		met := make(map[string]bool)
		for range 2 * folders {
			met[next(t, w).Name] = true
		}
		if len(met) != 2*folders {
			t.Errorf("%d different files, want %d", len(met), 2*folders)
		}
		d.write("run3/pod5_pass/barcode03/later.pod5", whole)
		expect(t, w, "run3/pod5_pass/barcode03/later.pod5")
	})
}

func TestGoneWhileWaiting(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		var log logged
		opts.Log = log.logger()
		d := newFolder(t)
		d.mkdir("below/deep")
		d.write("deleted.pod5", partial)
		d.write("renamed.pod5", partial)
		d.mkdir("out/deep")
		d.write("out/deep/a.pod5", partial)
		d.write("below/deep/a.pod5", partial)
		w := d.watch(opts)
		waits(t, w, 4)
		d.must(os.Rename(d.path("out"), filepath.Join(newFolder(t).dir, "out")))
		waits(t, w, 3)
		d.must(os.Remove(d.path("deleted.pod5")))
		waits(t, w, 2)
		d.rename("renamed.pod5", "renamed.bak")
		waits(t, w, 1)
		d.must(os.RemoveAll(d.path("below")))
		waits(t, w, 0)
		if log.count("msg") > 0 {
			t.Errorf("logged: %s", log.text.String())
		}
	})
}

func TestAnotherFileUnderTheSameName(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d := newFolder(t)
		d.write("a.pod5", whole)
		w := d.watch(opts)
		expect(t, w, "a.pod5")
		d.write("new.tmp", []byte("other signal END"))
		d.rename("new.tmp", "a.pod5")
		if got := next(t, w); got.Name != "a.pod5" || got.Size != 16 {
			t.Errorf("got %+v, want the file that replaced the first", got)
		}
		d.write("a.pod5", []byte("yet another signal END"))
		if got := next(t, w); got.Name != "a.pod5" || got.Size != 22 {
			t.Errorf("got %+v, want the file that was written over", got)
		}
	})
}

func TestTheSameFileIsHandedOutOnce(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d := newFolder(t)
		d.mkdir("pod5_skip")
		d.mkdir("pod5_pass")
		d.write("pod5_skip/a.pod5", whole)
		w := d.watch(opts)
		expect(t, w, "pod5_skip/a.pod5")
		d.rename("pod5_skip/a.pod5", "pod5_pass/a.pod5")
		d.write("1.pod5", whole)
		expect(t, w, "1.pod5")
		d.must(os.Link(d.path("1.pod5"), d.path("link.pod5")))
		d.must(os.Symlink("1.pod5", d.path("pointer.pod5")))
		d.rename("pod5_pass", "elsewhere")
		d.write("2.pod5", whole)
		expect(t, w, "2.pod5")
		d.write("elsewhere/3.pod5", whole) // the moved folder is watched under its new name
		expect(t, w, "elsewhere/3.pod5")
		// A copying program sets the time back after it has written the file.
		past := time.Now().Add(-time.Hour)
		d.must(os.Chtimes(d.path("2.pod5"), past, past))
		d.write("4.pod5", whole)
		expect(t, w, "4.pod5")
	})
}

func TestMovedOrReplacedWhileQueued(t *testing.T) {
	for _, force := range []bool{false, true} {
		t.Run(fmt.Sprintf("polled only %v", force), func(t *testing.T) {
			d := newFolder(t)
			d.mkdir("pass")
			d.write("a.pod5", whole)
			d.write("b.pod5", whole)
			w := d.watch(polled(force))
			eventually(t, "2 files queued", func() bool { return w.Stats().Queued == 2 })
			d.rename("a.pod5", "pass/a.pod5")
			d.write("b.pod5", []byte("other signal END"))
			got := []File{next(t, w), next(t, w)}
			slices.SortFunc(got, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
			if got[0].Name != "b.pod5" || got[0].Size != 16 || got[1].Name != "pass/a.pod5" {
				t.Errorf("got %+v", got)
			}
			rounds(d, w, 2)
		})
	}
}

func TestAgain(t *testing.T) {
	d := newFolder(t)
	d.write("a.pod5", whole)
	w := d.watch(polled(false))
	f := next(t, w)
	d.rename("a.pod5", "b.pod5")
	w.Again(f)
	expect(t, w, "b.pod5")
	rounds(d, w, 2)
}

func TestRefused(t *testing.T) {
	opts := polled(true)
	opts.Settle = time.Millisecond
	d := newFolder(t)
	d.write("a.pod5", []byte("BAD"))
	w := d.watch(opts)
	expect(t, w, "a.pod5") // whoever opens it finds out
	rounds(d, w, 3)
	if w.Stats().Refused != 1 {
		t.Errorf("%+v, want one refused", w.Stats())
	}
	d.rename("a.pod5", "b.pod5")
	w.Again(File{Name: "a.pod5"})
	expect(t, w, "b.pod5")
	d.write("b.pod5", whole)
	expect(t, w, "b.pod5")
	if w.Stats().Refused != 0 {
		t.Errorf("%+v, want none refused", w.Stats())
	}
}

func TestUnfinished(t *testing.T) {
	d := newFolder(t)
	d.write("whole.pod5", whole)
	d.write("b.pod5", partial)
	d.write("a.pod5", []byte("BAD")) // since a moment only
	d.write("empty.pod5", nil)
	d.write("gone.pod5", partial)
	opts := polled(true)
	opts.Poll, opts.Settle = time.Hour, time.Hour
	w := d.watch(opts)
	expect(t, w, "whole.pod5")
	waits(t, w, 4)
	d.must(os.Remove(d.path("gone.pod5")))
	var names []string
	for _, f := range w.Unfinished() {
		names = append(names, f.Name)
	}
	if want := []string{"a.pod5", "b.pod5", "empty.pod5"}; !slices.Equal(names, want) {
		t.Errorf("unfinished are %v, want %v", names, want)
	}
	if _, err := w.Next(t.Context()); err != io.EOF {
		t.Errorf("Next gave %v, want io.EOF", err)
	}
}

func TestUnreadableFileIsTriedAgain(t *testing.T) {
	var log logged
	var mu sync.Mutex
	broken := true
	opts := polled(true)
	opts.Log = log.logger()
	opts.Finished = func(path string) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if broken && filepath.Base(path) == "a.pod5" {
			return false, fmt.Errorf("open: %w", &os.PathError{Op: "read", Path: path, Err: errors.New("input/output error")})
		}
		return finished(path)
	}
	d := newFolder(t)
	d.write("a.pod5", whole)
	w := d.watch(opts)
	rounds(d, w, 3)
	if n := log.count("cannot be read"); n != 1 {
		t.Errorf("warned %d times, want once", n)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	expect(t, w, "a.pod5")
}

func TestFolderVanishesAndComesBack(t *testing.T) {
	for _, force := range []bool{false, true} {
		t.Run(fmt.Sprintf("polled only %v", force), func(t *testing.T) {
			var log logged
			opts := polled(force)
			opts.Log = log.logger()
			share := newFolder(t)
			share.mkdir("runs/below")
			d := folderUnderTest{t, share.path("runs")}
			d.write("below/a.pod5", whole)
			d.write("growing.pod5", partial)
			w := d.watch(opts)
			expect(t, w, "below/a.pod5")
			waits(t, w, 1)
			share.rename("runs", "unplugged")
			eventually(t, "a warning", func() bool { return log.count("the watched folder is gone") > 0 })
			waits(t, w, 0)
			share.write("runs", nil) // not a folder: not back
			share.must(os.Remove(share.path("runs")))
			share.rename("unplugged", "runs")
			waits(t, w, 1)
			d.write("growing.pod5", whole)
			expect(t, w, "growing.pod5")
			d.write("below/b.pod5", whole)
			expect(t, w, "below/b.pod5")
			if gone := log.count("the watched folder is gone"); gone < 1 || gone > 2 || log.count("is back") != 1 {
				t.Errorf("logged: %s", log.text.String())
			}
		})
	}
}

func TestFolderIsMadeAnew(t *testing.T) {
	// With notifications: they have to be asked for again.
	d := newFolder(t)
	opts := polled(false)
	w := d.watch(opts)
	rounds(d, w, 1)
	for i := range 5 {
		d.must(os.RemoveAll(d.dir))
		d.mkdir("")
		d.mkdir("below")
		name := fmt.Sprintf("below/%d.pod5", i)
		d.write(name, whole)
		expect(t, w, name)
	}
}

func TestStopWhileNextWaits(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		w := newFolder(t).watch(opts)
		ended := make(chan error)
		go func() {
			_, err := w.Next(context.Background())
			ended <- err
		}()
		go w.Stop()
		w.Stop()
		if err := <-ended; err != io.EOF {
			t.Errorf("Next gave %v, want io.EOF", err)
		}
		w.Again(File{}) // does not wait for ever
	})
}

func TestNothingIsHandedOutAfterStop(t *testing.T) {
	d := newFolder(t)
	d.write("a.pod5", whole)
	w := d.watch(polled(false))
	eventually(t, "a file queued", func() bool { return w.Stats().Queued == 1 })
	w.Stop()
	for range 100 {
		if f, err := w.Next(t.Context()); err != io.EOF {
			t.Fatalf("Next gave %+v, %v, want io.EOF", f, err)
		}
	}
}

func TestCancel(t *testing.T) {
	d := newFolder(t)
	w := d.watch(polled(false))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := w.Next(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("Next gave %v, want context.Canceled", err)
	}
	d.write("a.pod5", whole) // the watcher itself goes on
	expect(t, w, "a.pod5")
}

func TestCirclesOfLinks(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d, elsewhere := newFolder(t), newFolder(t)
		d.mkdir("a/b")
		d.must(os.Symlink(d.dir, d.path("a/b/up")))
		d.must(os.Symlink("..", d.path("a/parent")))
		d.must(os.Symlink("a", d.path("another")))
		d.must(os.Symlink(elsewhere.dir, d.path("elsewhere")))
		d.write("a/b/1.pod5", whole)
		elsewhere.write("2.pod5", whole)
		w := d.watch(opts)
		expect(t, w, "a/b/1.pod5", "elsewhere/2.pod5")
		elsewhere.mkdir("below")
		elsewhere.write("below/3.pod5", whole)
		expect(t, w, "elsewhere/below/3.pod5")
		d.write("a/b/4.pod5", whole)
		expect(t, w, "a/b/4.pod5")
	})
}

func TestUnreadableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	var log logged
	opts := polled(true)
	opts.Log = log.logger()
	d := newFolder(t)
	d.mkdir("locked")
	d.mkdir("unlisted")
	d.write("locked/a.pod5", whole)
	d.write("unlisted/b.pod5", whole)
	d.write("unlisted/c.pod5", whole)
	d.must(os.Chmod(d.path("locked"), 0))
	d.must(os.Chmod(d.path("unlisted"), 0o444)) // names can be read, files not
	w := d.watch(opts)
	rounds(d, w, 3)
	if log.count("cannot be read") != 1 || log.count("not all in the folder") != 1 {
		t.Errorf("logged, want one warning per folder: %s", log.text.String())
	}
	d.must(os.Chmod(d.path("locked"), 0o755))
	expect(t, w, "locked/a.pod5")
	d.must(os.Chmod(d.path("unlisted"), 0o755))
	expect(t, w, "unlisted/b.pod5", "unlisted/c.pod5")
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	d := newFolder(t)
	d.write("file", whole)
	d.must(os.Mkdir(d.path("locked"), 0))
	for name, want := range map[string]string{"missing": "no such folder", "file": "not a folder", "locked": "no permission"} {
		if name == "locked" && os.Geteuid() == 0 {
			continue
		}
		w, err := New(d.path(name), Options{})
		if err == nil {
			w.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), d.path(name)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
