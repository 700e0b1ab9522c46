package pod5

import (
	"fmt"
	"iter"
	"math"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/signal"
)

// Read is a read of a file, which knows where its signal lies.
type Read struct {
	signal.Read
	rows []uint64 // of the signal table, rising
}

// Rows are the numbers of the rows of the signal table that hold the read's
// pieces, rising. The slice must not be changed.
func (r *Read) Rows() []uint64 { return r.rows }

// loadedReads is how many reads are loaded at once.
const loadedReads = 1000

// Reads walks over the reads in file order. A read, or a part of the table, that
// cannot be used gives an error in its place; the walk goes on behind it, as long as
// it is known how many reads were passed over: a read's ordinal must not depend on
// what could be read before it.
func (f *File) Reads() iter.Seq2[*Read, error] {
	return func(yield func(*Read, error) bool) {
		ordinal := uint64(0)
		for i := range f.reads.table.Batches() {
			batch, err := f.reads.table.Batch(i)
			if err != nil {
				yield(nil, fail(f.path, "list reads", tableError("reads", err)))
				return
			}
			for start := int64(0); start < batch.Rows; start += loadedReads {
				n := min(loadedReads, batch.Rows-start)
				part, err := f.reads.load(batch, start, n)
				if err != nil {
					err = fmt.Errorf("%d reads from number %d on: %w", batch.Rows-start, ordinal, tableError("reads", err))
					if !yield(nil, fail(f.path, "list reads", err)) {
						return
					}
					ordinal += uint64(batch.Rows - start)
					break // whatever ails the columns of a batch, the rest of it would repeat
				}
				for row := range int(n) {
					if !yield(f.read(part, row, ordinal)) {
						return
					}
					ordinal++
				}
			}
		}
	}
}

// read makes a Read of one row of loaded columns.
func (f *File) read(part *readPart, row int, ordinal uint64) (*Read, error) {
	r := &Read{}
	copy(r.ID[:], part.id.Bytes(row))
	err := part.fill(r, row)
	if err == nil && f.reads.samples == nil {
		r.Samples, err = f.sumRows(r)
	}
	if err != nil {
		return nil, failRead(f.path, "list reads", r.ID, err)
	}
	r.Path = f.path
	r.Origin = signal.Origin{Source: f.source, Ordinal: ordinal}
	return r, nil
}

// sumRows adds up the samples that the rows of a read claim.
func (f *File) sumRows(r *Read) (uint64, error) {
	sum := uint64(0) // at most 2^32 rows of 2^32 samples, since rows rise
	for _, index := range r.rows {
		row, err := f.rows.lookup(index, r.ID)
		if err != nil {
			return 0, err
		}
		if err := f.rows.check(row); err != nil {
			return 0, err
		}
		sum += uint64(row.samples)
	}
	return sum, nil
}

// Check compares the rows of a read with its announced length. It reads no signal.
func (f *File) Check(r *Read) error {
	sum, err := f.sumRows(r)
	if err == nil && sum != r.Samples {
		err = fmt.Errorf("%w: the read should have %d samples, its rows hold %d", ErrCorrupt, r.Samples, sum)
	}
	if err != nil {
		return failRead(f.path, "find signal", r.ID, err)
	}
	return nil
}

// Row appends the samples of piece i of a read, below len(Rows()), to dst.
// After an error dst comes back as it was.
func (f *File) Row(r *Read, i int, dst []int16) ([]int16, error) {
	dst, err := f.row(r, i, dst)
	if err != nil {
		err = failRead(f.path, "decode signal", r.ID, err)
	}
	return dst, err
}

// RowBytes says where in the file the stored bytes of piece i of a read lie.
func (f *File) RowBytes(r *Read, i int) (offset, length int64, err error) {
	row, err := f.rows.lookup(r.rows[i], r.ID)
	if err != nil {
		return 0, 0, failRead(f.path, "find signal", r.ID, err)
	}
	return row.extent.Offset, row.extent.Length, nil
}

func (f *File) row(r *Read, i int, dst []int16) ([]int16, error) {
	row, err := f.rows.lookup(r.rows[i], r.ID)
	if err != nil {
		return dst, err
	}
	return f.rows.decode(row, dst)
}

// Signal appends all samples of a read to dst. After an error dst holds the
// samples before the piece that failed.
func (f *File) Signal(r *Read, dst []int16) ([]int16, error) {
	if err := f.Check(r); err != nil {
		return dst, err
	}
	for i := range r.rows {
		var err error
		if dst, err = f.Row(r, i, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// nan marks a level that is not known.
var nan = float32(math.NaN())

// readColumns knows the columns of the reads table and their dictionaries.
type readColumns struct {
	table *arrowipc.File
	// id and signal are always there, the others may be nil.
	id, signal, samples, number, start, medianBefore, openPore *arrowipc.Field
	channel, well, poreType, offset, scale, endReason, forced  *arrowipc.Field
	pore, calibration, run                                     *arrowipc.Field

	// The dictionaries, by index.
	poreTypes    []string
	endReasons   []endReason
	pores        []pore
	calibrations []signal.Calibration
	runs         []*signal.Run // nil elements: named, but not described
	// structRuns are the runs of a file that describes them in a dictionary.
	structRuns []*signal.Run
}

// pore and endReason are entries of the dictionaries of older files.
type pore struct {
	channel  uint16
	well     uint8
	poreType string
}

type endReason struct {
	name   signal.EndReason
	forced bool
}

// count adds up the rows of all batches.
func (c *readColumns) count() (int, error) {
	total := int64(0)
	for i := range c.table.Batches() {
		batch, err := c.table.Batch(i)
		if err != nil {
			continue // Reads says so
		}
		total += batch.Rows
		if batch.Rows > math.MaxInt32 || total > math.MaxInt32 {
			return 0, fmt.Errorf("%w: %d reads", ErrCorrupt, total)
		}
	}
	return int(total), nil
}
