package pod5

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/signal"
)

// salvagedRows are the rows of a signal table that may lack batches.
type salvagedRows struct {
	*signalRows
	firsts []uint64 // the first row of each batch
	counts []uint64 // how many rows each batch has
	total  uint64   // rows up to the end of what was found
	cut    *cutRows // rows behind them, or nil
	gaps   bool     // a batch, or columns of it, cannot be read
}

// cutRows are the rows of a batch that the end of the file cuts off. How many
// samples they have is not known: that column comes last.
type cutRows struct {
	first   uint64
	ids     *arrowipc.Array
	extents []arrowipc.Extent // of the rows that are there
}

// openSalvagedRows numbers the rows. size is where the file ends.
func openSalvagedRows(r io.ReaderAt, size int64, t *arrowipc.Walked) (*salvagedRows, error) {
	all := t.Batches()
	places := t.DropUnreadable()
	rows, err := openSignalRows(r, t.File)
	if err != nil {
		return nil, err
	}
	s := &salvagedRows{signalRows: rows, gaps: len(places) < all}
	for i := range places {
		batch, err := t.Batch(i)
		if err != nil {
			return nil, err
		}
		s.counts = append(s.counts, uint64(batch.Rows))
	}
	s.number(places, all)
	if t.Cut != nil {
		s.cut = openCutRows(t, rows, size, s.total)
	}
	return s, nil
}

// number finds the first row of every batch; all is how many there are, and places
// tells which of them can be read. The others are taken to be as long as every
// batch but the last; where no such length shows, nothing behind them has a number.
func (s *salvagedRows) number(places []int, all int) {
	length, even := uint64(0), true
	for i, place := range places {
		if place < all-1 {
			even = even && (length == 0 || s.counts[i] == length)
			length = s.counts[i]
		}
	}
	next := 0 // the place expected
	for i, place := range places {
		if place > next {
			if !even || length == 0 {
				break
			}
			s.total += uint64(place-next) * length
		}
		s.firsts = append(s.firsts, s.total)
		s.total += s.counts[i]
		next = place + 1
	}
	s.starts = append(slices.Clone(s.firsts), s.total)
}

// openCutRows describes the rows of the batch that is cut off, or gives nil.
func openCutRows(t *arrowipc.Walked, rows *signalRows, size int64, first uint64) *cutRows {
	if rows.id == nil || t.Cut.Rows > maxCutRows {
		return nil
	}
	ids, err := t.Cut.Load(rows.id, 0, t.Cut.Rows)
	if err != nil {
		return nil
	}
	extents, err := t.Cut.Extents(rows.signal, 0, t.Cut.Rows)
	if err != nil {
		return nil
	}
	there := slices.IndexFunc(extents, func(e arrowipc.Extent) bool { return e.Offset+e.Length > size })
	if there < 0 {
		there = len(extents)
	}
	return &cutRows{first: first, ids: ids, extents: extents[:there]}
}

// maxCutRows bounds the rows of a batch; writers make batches of 100.
const maxCutRows = 1 << 20

// errMissing says that a row is not in the file.
var errMissing = errors.New("a signal row is missing")

// decodeRow appends the samples of a row to dst.
func (s *salvagedRows) decodeRow(index uint64, owner signal.ReadID, dst []int16) ([]int16, error) {
	if index < s.total {
		r, err := s.lookup(index, owner)
		if err != nil {
			return dst, err
		}
		return s.decode(r, dst)
	}
	if s.cut == nil || index-s.cut.first >= uint64(len(s.cut.extents)) {
		return dst, errMissing
	}
	i := int(index - s.cut.first)
	if id := signal.ReadID(s.cut.ids.Bytes(i)); id != owner {
		return dst, fmt.Errorf("%w: signal row %d belongs to read %v", ErrCorrupt, index, id)
	}
	return s.decodeCut(s.cut.extents[i], dst)
}

// decodeCut decodes a row whose number of samples is not known.
func (s *salvagedRows) decodeCut(extent arrowipc.Extent, dst []int16) ([]int16, error) {
	if s.plain {
		return s.decode(row{extent: extent, samples: uint32(extent.Length / 2)}, dst)
	}
	raw := make([]byte, extent.Length)
	if err := readFull(s.r, raw, extent.Offset); err != nil {
		return dst, err
	}
	d := rowDecoders.Get().(*rowDecoder)
	defer rowDecoders.Put(d)
	n, err := d.vbz.Samples(raw)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	start := len(dst)
	out := slices.Grow(dst, n)[:start+n]
	if err := d.vbz.Decode(out[start:], raw); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

// each goes through the rows in order: number, read and, where it is known, the
// number of samples.
func (s *salvagedRows) each(visit func(index uint64, id signal.ReadID, samples uint64)) {
	for i, first := range s.firsts {
		for index := first; index < first+s.counts[i]; index++ {
			r, err := s.find(index)
			if err != nil {
				s.gaps = true
				break // whatever ails the columns of a batch, the rest of it would repeat
			}
			if r.id != nil {
				visit(index, signal.ReadID(r.id), uint64(r.samples))
			}
		}
	}
	if s.cut == nil {
		return
	}
	var buf []int16
	for i, extent := range s.cut.extents {
		samples, err := s.decodeCut(extent, buf[:0])
		if err == nil {
			buf = samples
			visit(s.cut.first+uint64(i), signal.ReadID(s.cut.ids.Bytes(i)), uint64(len(samples)))
		}
	}
}
