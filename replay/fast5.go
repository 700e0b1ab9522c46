package replay

import (
	"iter"

	"github.com/porevec/porevec/fast5"
	"github.com/porevec/porevec/signal"
)

func openFAST5(path string) (Recording, error) {
	file, err := fast5.Open(path)
	if err != nil {
		return nil, err
	}
	return fast5File{file}, nil
}

// fast5File is a FAST5 file as a Recording.
type fast5File struct{ *fast5.File }

func (f fast5File) Format() string { return "fast5" }

func (f fast5File) Note() string {
	if f.EventOnly() {
		return fast5.ErrNoSignal.Error() + ": the file holds tables of events only"
	}
	return ""
}

func (f fast5File) Reads() iter.Seq2[Read, error] { return f.walk(f.File.Reads()) }

func (f fast5File) ReadsOf(ids map[signal.ReadID]struct{}) iter.Seq2[Read, error] {
	return f.walk(f.File.ReadsOf(ids))
}

func (f fast5File) walk(reads iter.Seq2[*fast5.Read, error]) iter.Seq2[Read, error] {
	return func(yield func(Read, error) bool) {
		for read, err := range reads {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(fast5Read{read, f.File}, nil) {
				return
			}
		}
	}
}

// fast5Read is a read of a FAST5 file.
type fast5Read struct {
	read *fast5.Read
	file *fast5.File
}

func (r fast5Read) Info() *signal.Read { return &r.read.Read }
func (r fast5Read) Pieces() int        { return r.read.Pieces() }
func (r fast5Read) Place() uint64      { return r.read.Origin.Ordinal }

// Check finds nothing: the number of samples is that of the dataset, whose chunks
// were looked at.
func (r fast5Read) Check() error { return nil }

// Fetch leaves reading to Decode: chunks lie anywhere in the file.
func (r fast5Read) Fetch(i int) (Packed, error) { return fast5Piece{r, i}, nil }

// fast5Piece is a chunk that is still in the file.
type fast5Piece struct {
	fast5Read
	i int
}

func (p fast5Piece) Decode(dst []int16) ([]int16, error) { return p.file.Piece(p.read, p.i, dst) }
func (p fast5Piece) Bytes() int64                        { return p.file.PieceBytes(p.read, p.i) }
func (p fast5Piece) Release()                            {}
