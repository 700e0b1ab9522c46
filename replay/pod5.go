package replay

import (
	"iter"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/signal"
)

// pod5Signature begins every POD5 file.
const pod5Signature = "\x8bPOD"

func openPOD5(path string) (Recording, error) {
	file, err := pod5.Open(path)
	if err != nil {
		return nil, err
	}
	return pod5File{file}, nil
}

// pod5File is a POD5 file as a Recording.
type pod5File struct{ *pod5.File }

func (f pod5File) Format() string { return "pod5" }
func (f pod5File) Note() string   { return "" }

func (f pod5File) Reads() iter.Seq2[Read, error] { return f.walk(f.File.Reads(), pod5.PageBytes) }

func (f pod5File) ReadsOf(ids map[signal.ReadID]struct{}) iter.Seq2[Read, error] {
	return f.walk(f.File.ReadsOf(ids), 0)
}

// walk gives the reads of one walk a pager in common.
func (f pod5File) walk(reads iter.Seq2[*pod5.Read, error], pageBytes int64) iter.Seq2[Read, error] {
	return func(yield func(Read, error) bool) {
		pager := f.NewPager(pageBytes)
		defer pager.Close()
		for read, err := range reads {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(pod5Read{read, f.File, pager}, nil) {
				return
			}
		}
	}
}

// pod5Read is a read of a POD5 file.
type pod5Read struct {
	read  *pod5.Read
	file  *pod5.File
	pager *pod5.Pager
}

func (r pod5Read) Info() *signal.Read { return &r.read.Read }
func (r pod5Read) Pieces() int        { return len(r.read.Rows()) }
func (r pod5Read) Check() error       { return r.file.Check(r.read) }

func (r pod5Read) Place() uint64 {
	if rows := r.read.Rows(); len(rows) > 0 {
		return rows[0]
	}
	return 0
}

func (r pod5Read) Fetch(i int) (Packed, error) {
	packed, err := r.pager.Fetch(r.read, i)
	if err != nil {
		return nil, err
	}
	return packed, nil
}
