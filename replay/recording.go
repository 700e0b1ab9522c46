package replay

import (
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/porevec/porevec/signal"
)

// Recording is an open file of recorded reads, whatever its format. Its methods
// may be called from several goroutines.
type Recording interface {
	// Format is pod5 or fast5.
	Format() string
	// Version is what the file says of its writer or layout.
	Version() string
	// Note is what a user should know of the file, or "".
	Note() string
	// Runs are the acquisitions that it has reads of; of FAST5, of
	// those reads that were met.
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

// hdf5Signature begins every FAST5 file.
const hdf5Signature = "\x89HDF"

// Open opens a file of either format. Its content says which, and its name where
// the content says nothing.
func Open(path string) (Recording, error) {
	if begins(path, hdf5Signature) || strings.EqualFold(filepath.Ext(path), ".fast5") && !begins(path, pod5Signature) {
		return openFAST5(path)
	}
	return openPOD5(path)
}

// begins says whether a file begins with some bytes. Whoever opens it finds out
// why it cannot be read.
func begins(path, signature string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(signature))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == signature
}
