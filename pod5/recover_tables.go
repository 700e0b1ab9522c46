package pod5

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/signal"
)

// remains are the tables found in a damaged file.
type remains struct {
	size    int64                                 // of the file, without zeros at its end
	tables  map[schema.Content][]*arrowipc.Walked // ways to read each, the better one first
	damage  []string
	breaks  bool // a table breaks off: what it held beyond is not known
	closers []io.Closer
}

// findRemains looks for tables behind the header, and in the files that MinKNOW
// keeps beside one that it writes.
func findRemains(r io.ReaderAt, size int64, path string) (*remains, error) {
	end, err := trimZeros(r, size)
	if err != nil {
		return nil, err
	}
	f := &remains{size: end, tables: map[schema.Content][]*arrowipc.Walked{}}
	if end < size {
		f.note("%d bytes at the end are zeros, which a power cut leaves", size-end)
	}
	for at := int64(headerSize); at >= 0; {
		var ways []*arrowipc.Walked
		ways, at = salvageTable(r, at, end)
		f.take(ways)
		at = nextTable(r, at, end)
	}
	for _, signals := range f.tables[schema.SignalTable] {
		f.findCompanions(filepath.Dir(path), signals.Identifier())
	}
	for _, t := range []struct {
		kind schema.Content
		name string
	}{{schema.SignalTable, "signal"}, {schema.RunTable, "run info"}, {schema.ReadsTable, "reads"}} {
		switch ways := f.tables[t.kind]; {
		case ways == nil && t.kind == schema.RunTable: // older files have none; what lacks a run says so
		case ways == nil:
			f.note("the %s table is missing", t.name)
		case ways[0].Broken():
			f.breaks = true
			f.note("the %s table breaks off at byte %d", t.name, ways[0].End)
		}
	}
	return f, nil
}

func (f *remains) note(format string, args ...any) {
	f.damage = append(f.damage, fmt.Sprintf(format, args...))
}

// take keeps ways to read a table if it is the first one of its kind.
func (f *remains) take(ways []*arrowipc.Walked) {
	taken := f.tables
	f.tables = maps.Clone(taken)
	for _, t := range ways {
		if kind, ok := kindOf(t); ok && taken[kind] == nil {
			f.tables[kind] = append(f.tables[kind], t)
		}
	}
}

// kindOf tells tables apart by their columns.
func kindOf(t *arrowipc.Walked) (schema.Content, bool) {
	has := func(name string) bool { return t.Column(name) != nil }
	switch {
	case has("signal") && has("samples"):
		return schema.SignalTable, true
	case has("signal") && has("read_id") && has("run_info"):
		return schema.ReadsTable, true
	case has("acquisition_id") && has("sample_rate"):
		return schema.RunTable, true
	}
	return 0, false
}

// findCompanions opens the hidden files in which MinKNOW gathers the tables that
// it appends when it ends a file. The identifier comes from the file, so it must
// not name anything else.
func (f *remains) findCompanions(dir, identifier string) {
	if _, err := signal.ParseReadID(identifier); err != nil {
		return
	}
	for kind, name := range map[schema.Content]string{schema.RunTable: "run-info", schema.ReadsTable: "reads"} {
		if f.tables[kind] != nil {
			continue
		}
		name = "." + identifier + ".tmp-" + name
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue // most files have none
		}
		f.closers = append(f.closers, file)
		info, err := file.Stat()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		table, err := arrowipc.Walk(file, 0, info.Size())
		if err != nil {
			f.note("%s cannot be read: %v", name, err)
			continue
		}
		f.take([]*arrowipc.Walked{table})
	}
}

// Close closes the companions.
func (f *remains) Close() error {
	var err error
	for _, c := range f.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// salvageTable gives the ways to read the table that begins at a place: by its
// messages, and by its footer, which leads past a message that is damaged. The
// second result is where to go on.
func salvageTable(r io.ReaderAt, start, size int64) ([]*arrowipc.Walked, int64) {
	var ways []*arrowipc.Walked
	next := start + int64(len(tableStart))
	if walked, err := arrowipc.Walk(r, start, size-start); err == nil {
		ways = append(ways, walked)
		next = walked.End
	}
	end := find(r, next, size, tableEnd)
	if end < 0 || startsTable(r, end) {
		return ways, next
	}
	end += int64(len(tableEnd))
	if table, err := arrowipc.Open(r, start, end-start); err == nil {
		ways = append(ways, &arrowipc.Walked{File: table, End: end, Ended: true})
		slices.SortStableFunc(ways, func(a, b *arrowipc.Walked) int { return b.Batches() - a.Batches() })
	}
	return ways, next
}

// A table begins with tableStart and a message; it ends with tableEnd.
var (
	tableEnd   = []byte("ARROW1")
	tableStart = []byte("ARROW1\x00\x00\xff\xff\xff\xff")
)

func startsTable(r io.ReaderAt, at int64) bool {
	start := make([]byte, len(tableStart))
	return readFull(r, start, at) == nil && bytes.Equal(start, tableStart)
}

// nextTable finds the next table's beginning, -1 when there is none.
func nextTable(r io.ReaderAt, from, size int64) int64 {
	return find(r, from, size, tableStart)
}

// find gives the first place of pattern in r[from:size], -1 when there is none.
// What cannot be read does not hold it.
func find(r io.ReaderAt, from, size int64, pattern []byte) int64 {
	buf := make([]byte, max(0, min(size-from, 1<<20)))
	for size-from >= int64(len(pattern)) {
		part := buf[:min(size-from, int64(len(buf)))]
		n, _ := r.ReadAt(part, from)
		if i := bytes.Index(part[:n], pattern); i >= 0 {
			return from + int64(i)
		}
		from += int64(len(part) - len(pattern) + 1)
	}
	return -1
}

// trimZeros gives the size of a file without the zeros that follow its last
// content, if they are many: a file system that lost power may have noted a file's
// length and not its end.
func trimZeros(r io.ReaderAt, size int64) (int64, error) {
	const few, step = 64, 1 << 16
	for end := size; end > 0; {
		part := make([]byte, min(end, step))
		if err := readFull(r, part, end-int64(len(part))); err != nil {
			return 0, err
		}
		kept := int64(len(bytes.TrimRight(part, "\x00")))
		if end -= int64(len(part)) - kept; kept == 0 {
			continue
		}
		if size-end < few {
			return size, nil
		}
		return end, nil
	}
	return 0, nil
}
