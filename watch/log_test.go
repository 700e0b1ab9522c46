package watch

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
)

func openLog(d folderUnderTest, name string) *Log {
	d.Helper()
	l, err := OpenLog(d.path(name))
	d.must(err)
	d.Cleanup(func() { l.Close() })
	return l
}

func someFile(i int) File {
	return File{Name: fmt.Sprintf("pod5_pass/a <%d> ü.pod5", i), Size: int64(i), ModTimeNS: 1_700_000_000_123_456_789 + int64(i), ID: fmt.Sprint("10:", i)}
}

func TestRestart(t *testing.T) {
	forBoth(t, func(t *testing.T, opts Options) {
		d, notes := newFolder(t), newFolder(t)
		for _, name := range []string{"1", "2", "3", "4"} {
			d.write(name+".pod5", []byte("signal "+name+" END"))
		}
		log := openLog(notes, "log")
		opts.Seen = log
		first := d.watch(opts)
		for range 3 {
			f := next(t, first)
			if f.Name != "2.pod5" { // the power went while it was dealt with
				d.must(log.Add(f))
			}
		}
		d.must(first.Close())
		d.must(log.Close())

		d.mkdir("moved")
		d.rename("1.pod5", "moved/1.pod5")
		d.write("3.pod5", []byte("another signal END"))
		opts.Seen = openLog(notes, "log")
		second := d.watch(opts)
		expect(t, second, "2.pod5", "3.pod5", "4.pod5")
		d.write("5.pod5", whole)
		expect(t, second, "5.pod5")
	})
}

func TestEveryTruncationOfALog(t *testing.T) {
	const files = 3
	d := newFolder(t)
	log := openLog(d, "log")
	for i := range files {
		d.must(log.Add(someFile(i)))
	}
	content, err := os.ReadFile(d.path("log"))
	d.must(err)
	for _, torn := range []struct {
		how  string
		tail []byte
	}{{"cut", nil}, {"filled with zeros", make([]byte, 100)}} {
		for n := range len(content) + 1 {
			if torn.tail != nil && n < len(logHead) {
				continue
			}
			d.write("torn", append(bytes.Clone(content[:n]), torn.tail...))
			l, err := OpenLog(d.path("torn"))
			if err != nil {
				t.Fatalf("%s at %d: %v", torn.how, n, err)
			}
			whole := max(bytes.Count(content[:n], []byte("\n"))-1, 0)
			for i := range files {
				if got, want := l.Has(someFile(i)), i < whole; got != want {
					t.Fatalf("%s at %d: has file %d: %v, want %v", torn.how, n, i, got, want)
				}
				d.must(l.Add(someFile(i)))
			}
			d.must(l.Close())
			if repaired, _ := os.ReadFile(d.path("torn")); !bytes.Equal(repaired, content) {
				t.Fatalf("%s at %d: repaired to %q, want %q", torn.how, n, repaired, content)
			}
		}
	}
}

func TestDamagedLineOfALog(t *testing.T) {
	d := newFolder(t)
	log := openLog(d, "log")
	for i := range 3 {
		d.must(log.Add(someFile(i)))
	}
	content, err := os.ReadFile(d.path("log"))
	d.must(err)
	at := bytes.Index(content, []byte("<1>"))
	content[at-20] = 0
	d.write("log", content)
	damaged := openLog(d, "log")
	for i, want := range []bool{true, false, true} {
		if got := damaged.Has(someFile(i)); got != want {
			t.Errorf("has file %d: %v, want %v", i, got, want)
		}
	}
}

func TestALogLeavesOtherFilesAlone(t *testing.T) {
	d := newFolder(t)
	for _, content := range []string{"a recording", "{\"", "{\"porevec_watch_log\":2}\n{}\n", "\n", string(make([]byte, 500))} {
		if bytes.HasPrefix([]byte(logHead), []byte(content)) {
			continue // could be a torn log
		}
		d.write("file", []byte(content))
		if l, err := OpenLog(d.path("file")); err == nil {
			l.Close()
			t.Errorf("%q taken for a log", content)
		}
		if after, _ := os.ReadFile(d.path("file")); string(after) != content {
			t.Errorf("%q became %q", content, after)
		}
	}
	if _, err := OpenLog(d.path("missing/log")); err == nil {
		t.Error("no error without a folder")
	}
}

func TestAddToAClosedLog(t *testing.T) {
	d := newFolder(t)
	log := openLog(d, "log")
	d.must(log.Close())
	if err := log.Add(someFile(1)); err == nil || log.Has(someFile(1)) {
		t.Errorf("Add gave %v and has the file: %v", err, log.Has(someFile(1)))
	}
}

func TestLogOfSeveralGoroutines(t *testing.T) {
	d := newFolder(t)
	log := openLog(d, "log")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 20 {
				if err := log.Add(someFile(20*g + i)); err != nil || !log.Has(someFile(20*g+i)) {
					t.Error("not added", err)
				}
			}
		})
	}
	wg.Wait()
	again := openLog(d, "log")
	for i := range 80 {
		if !again.Has(someFile(i)) {
			t.Errorf("file %d is missing", i)
		}
	}
}
