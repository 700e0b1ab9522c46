package pod5

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/signal"
)

// ErrNoRead says that a file has no read of an id.
var ErrNoRead = errors.New("the file has no such read")

// readIndex finds reads by id: sorted by id, 24 bytes a read.
type readIndex struct {
	places []readPlace
	// faults are the parts of the table whose ids could not be had.
	faults []error
}

// readPlace is where the row of a read lies in the reads table.
type readPlace struct {
	id         signal.ReadID
	batch, row uint32
}

// compare orders by id, and by place where a file has an id twice.
func (p readPlace) compare(q readPlace) int {
	return cmp.Or(bytes.Compare(p.id[:], q.id[:]), cmp.Compare(p.batch, q.batch), cmp.Compare(p.row, q.row))
}

// index builds the index when it is first asked for. It reads the ids alone.
func (f *File) index() *readIndex {
	f.indexOnce.Do(func() {
		ix := &readIndex{}
		fault := func(err error) { ix.faults = append(ix.faults, fail(f.path, "list reads", tableError("reads", err))) }
		for i := range f.reads.table.Batches() {
			batch, err := f.reads.table.Batch(i)
			if err != nil {
				fault(err)
				break // as Reads does: the ordinals behind it are not known
			}
			if err := ix.add(batch, f.reads.id, uint32(i)); err != nil {
				fault(err)
			}
		}
		slices.SortFunc(ix.places, readPlace.compare)
		f.byID = ix
	})
	return f.byID
}

// add lists the reads of a batch.
func (ix *readIndex) add(batch *arrowipc.Batch, column *arrowipc.Field, number uint32) error {
	for start := int64(0); start < batch.Rows; start += loadedReads {
		ids, err := batch.Load(column, start, min(loadedReads, batch.Rows-start))
		if err != nil {
			return fmt.Errorf("batch %d: %w", number, err)
		}
		for i := range ids.Len() {
			ix.places = append(ix.places, readPlace{signal.ReadID(ids.Bytes(i)), number, uint32(start) + uint32(i)})
		}
	}
	return nil
}

// find gives the places of an id, rising.
func (ix *readIndex) find(id signal.ReadID) []readPlace {
	from, _ := slices.BinarySearchFunc(ix.places, readPlace{id: id}, readPlace.compare)
	to := from
	for to < len(ix.places) && ix.places[to].id == id {
		to++
	}
	return ix.places[from:to]
}

// Read finds a read by its id, the first one if the file has several; it fails
// with ErrNoRead. The first call lists the ids of the file, 24 bytes of memory for
// each; it may be called by several goroutines.
func (f *File) Read(id signal.ReadID) (*Read, error) {
	places := f.index().find(id)
	if len(places) == 0 {
		return nil, failRead(f.path, "find read", id, errors.Join(append([]error{ErrNoRead}, f.index().faults...)...))
	}
	for read, err := range f.readsAt(places[:1]) {
		return read, err
	}
	return nil, failRead(f.path, "find read", id, ErrNoRead)
}

// ReadsOf walks over the reads with these ids, in file order. Parts of the table
// whose ids cannot be had come as errors first, since the reads may be there;
// whatever ails other reads goes unnoticed.
func (f *File) ReadsOf(ids map[signal.ReadID]struct{}) iter.Seq2[*Read, error] {
	return func(yield func(*Read, error) bool) {
		for _, err := range f.index().faults {
			if !yield(nil, err) {
				return
			}
		}
		var places []readPlace
		for id := range ids {
			places = append(places, f.index().find(id)...)
		}
		slices.SortFunc(places, func(p, q readPlace) int { return cmp.Or(cmp.Compare(p.batch, q.batch), cmp.Compare(p.row, q.row)) })
		f.readsAt(places)(yield)
	}
}

// readsAt reads the rows at these places, which rise, loading neighbours together.
func (f *File) readsAt(places []readPlace) iter.Seq2[*Read, error] {
	return func(yield func(*Read, error) bool) {
		first := uint64(0) // ordinal of the batch's first row
		batch := uint32(0)
		for len(places) > 0 {
			for ; batch < places[0].batch; batch++ {
				b, err := f.reads.table.Batch(int(batch))
				if err != nil { // the index would not have gone on behind it
					yield(nil, fail(f.path, "list reads", tableError("reads", err)))
					return
				}
				first += uint64(b.Rows)
			}
			n := 1
			for n < len(places) && places[n].batch == batch && places[n].row-places[0].row < loadedReads {
				n++
			}
			if !f.readSpan(places[:n], first, yield) {
				return
			}
			places = places[n:]
		}
	}
}

// readSpan reads rows of one batch that lie close together.
func (f *File) readSpan(places []readPlace, first uint64, yield func(*Read, error) bool) bool {
	start := places[0].row
	batch, err := f.reads.table.Batch(int(places[0].batch))
	var part *readPart
	if err == nil {
		part, err = f.reads.load(batch, int64(start), int64(places[len(places)-1].row-start)+1)
	}
	if err != nil {
		return yield(nil, fail(f.path, "list reads", tableError("reads", err)))
	}
	for _, p := range places {
		if !yield(f.read(part, int(p.row-start), first+uint64(p.row))) {
			return false
		}
	}
	return true
}
