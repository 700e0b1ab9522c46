package replay

import (
	"iter"
	"time"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/signal"
)

// Recording is an open file of recorded reads, whatever its format. Its methods
// may be called from several goroutines.
type Recording interface {
	// Format is pod5 or fast5.
	Format() string
	// Version is what the file says of its writer or layout.
	Version() string
	// Runs are the acquisitions that it has reads of.
	Runs() []*signal.Run
	NumReads() int
	// Reads walks over the reads in file order. A read that cannot be used gives an
	// error in its place.
	Reads() iter.Seq2[Read, error]
	// ReadsOf walks over the reads with these ids, in file order.
	ReadsOf(map[signal.ReadID]struct{}) iter.Seq2[Read, error]
	// Unzipping is the time that zstd and the like took so far.
	Unzipping() time.Duration
	Close() error
}

// Read is a read of a recording and the way to its samples, which are stored in
// pieces.
type Read interface {
	Info() *signal.Read
	Pieces() int
	// Place orders the reads of a file by where their signal lies in it.
	Place() uint64
	// Check compares the announced number of samples with what the pieces claim.
	// It reads no signal.
	Check() error
	// Fetch brings piece i, below Pieces, into memory as it is stored. The reads of
	// one walk are fetched from one goroutine.
	Fetch(i int) (Packed, error)
}

// Packed is a piece as it is stored.
type Packed interface {
	// Decode appends the samples to dst. After an error dst comes back as it was.
	Decode(dst []int16) ([]int16, error)
	// Bytes is the stored size.
	Bytes() int64
	// Release gives the memory back, once.
	Release()
}

// Signal appends all samples of a read to dst. After an error dst holds the
// samples before the piece that failed.
func Signal(r Read, dst []int16) ([]int16, error) {
	if err := r.Check(); err != nil {
		return dst, err
	}
	for i := range r.Pieces() {
		packed, err := r.Fetch(i)
		if err != nil {
			return dst, err
		}
		dst, err = packed.Decode(dst)
		packed.Release()
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// Open opens a file of either format.
func Open(path string) (Recording, error) {
	file, err := pod5.Open(path)
	if err != nil {
		return nil, err
	}
	return pod5File{file}, nil
}

// pod5File is a POD5 file as a Recording.
type pod5File struct{ *pod5.File }

func (f pod5File) Format() string { return "pod5" }

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
