package fast5

import (
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/signal"
)

// File is an open FAST5 file. Its methods may be called from several goroutines.
type File struct {
	path    string
	source  string // signal.Origin.Source
	file    *os.File
	hdf     *hdf5.File
	version string
	// single is a file of the old kind, whose tags lie under UniqueGlobalKey.
	single    bool
	tags      *hdf5.Object // UniqueGlobalKey
	reads     []hdf5.Link  // groups
	eventOnly bool

	inflating atomic.Int64 // nanoseconds

	mu   sync.Mutex
	runs []*signal.Run
	// runOf finds the run of a group of tags that was met before: files link all
	// reads to the same group.
	runOf map[uint64]*signal.Run
}

// Open finds the reads of a file. None of them is read.
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, fail(path, "open", err)
	}
	return f, nil
}

func open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, fmt.Errorf("%w: it is no ordinary file", ErrNotFAST5)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := load(file, info.Size(), path)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.file = file
	return f, nil
}

// load finds the reads in any bytes.
func load(r io.ReaderAt, size int64, path string) (*File, error) {
	hdf, err := hdf5.Open(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, hdf: hdf, runOf: make(map[uint64]*signal.Run)}
	root, err := hdf.Root()
	if err != nil {
		return nil, err
	}
	links, err := root.Links()
	if err != nil {
		return nil, err
	}
	if v, ok, err := root.Attribute("file_version"); err == nil && ok {
		f.version = text(v)
	}
	if err := f.findReads(links); err != nil {
		return nil, err
	}
	names := fnv.New64a()
	for _, l := range f.reads {
		_, _ = io.WriteString(names, l.Name+"\x00") // a hash cannot fail
	}
	if f.single { // all single reads have the same few names
		fmt.Fprint(names, size)
	}
	f.source = fmt.Sprintf("%s#%016x", filepath.Base(path), names.Sum64())
	return f, nil
}

// findReads tells the kinds of files apart by the groups at the root.
func (f *File) findReads(links []hdf5.Link) error {
	var raw, events, tags uint64
	for _, l := range links {
		switch {
		case strings.HasPrefix(l.Name, "read_"):
			f.reads = append(f.reads, l)
		case l.Name == "Raw":
			raw = l.Address
		case l.Name == "Analyses":
			events = l.Address
		case l.Name == "UniqueGlobalKey":
			tags = l.Address
		case l.Name == "IntermediateData" || l.Name == "EventDetection":
			return fmt.Errorf("%w: a bulk FAST5 file (%s), whose signal is not cut into reads", ErrUnsupported, l.Name)
		}
	}
	if len(f.reads) > 0 {
		return nil
	}
	if tags != 0 {
		var err error
		if f.tags, err = f.hdf.Object(tags); err != nil {
			return err
		}
	}
	if raw == 0 {
		f.eventOnly = events != 0
		if !f.eventOnly && len(links) > 0 && tags == 0 {
			return fmt.Errorf("%w: an HDF5 file without reads: its groups are %q and so on", ErrNotFAST5, links[0].Name)
		}
		return nil
	}
	group, err := f.hdf.Object(raw)
	if err != nil {
		return err
	}
	inner, err := group.Links()
	if err != nil {
		return err
	}
	for _, l := range inner {
		switch {
		case l.Name == "Reads":
			reads, err := f.hdf.Object(l.Address)
			if err != nil {
				return err
			}
			if f.reads, err = reads.Links(); err != nil {
				return err
			}
			f.single = true
		case strings.HasPrefix(l.Name, "Channel_"):
			return fmt.Errorf("%w: a bulk FAST5 file (Raw/%s), whose signal is not cut into reads", ErrUnsupported, l.Name)
		}
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return fs.ErrClosed
	}
	return f.file.Close()
}

// Version is the version that the file states, e.g. 2.3; "" when it states none.
func (f *File) Version() string { return f.version }

// NumReads is the number of reads, good and bad.
func (f *File) NumReads() int { return len(f.reads) }

// EventOnly says that the file holds tables of events and no raw signal.
func (f *File) EventOnly() bool { return f.eventOnly }

// Runs are the acquisitions of the reads that were met so far, and of the first.
func (f *File) Runs() []*signal.Run {
	for range f.Reads() {
		break
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*signal.Run(nil), f.runs...)
}

// Unzipping is the time that inflating took of all decoding so far, by all
// goroutines together.
func (f *File) Unzipping() time.Duration { return time.Duration(f.inflating.Load()) }

// text is a value as text, whatever its type.
func text(v hdf5.Value) string {
	switch v.Kind {
	case hdf5.Int:
		return strconv.FormatInt(v.Int, 10)
	case hdf5.Float:
		s := strconv.FormatFloat(v.Float, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0" // versions are written so
		}
		return s
	default:
		return v.Text
	}
}
