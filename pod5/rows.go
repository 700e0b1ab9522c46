package pod5

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/vbz"
	"github.com/porevec/porevec/signal"
)

// signalRows finds and decodes the rows of the signal table.
type signalRows struct {
	r     io.ReaderAt
	table *arrowipc.File
	// The columns; id is nil when the table has none.
	id, signal, samples *arrowipc.Field
	plain               bool // signal is a list of int16

	unzipping atomic.Int64 // nanoseconds

	mu sync.Mutex // guards what follows
	// perBatch is the number of rows in each batch but the last. When a file does
	// not keep to that, starts holds the first row of each batch instead.
	perBatch uint64
	starts   []uint64
	recent   [recentWindows]*window // latest first
}

// A window describes a stretch of rows. Reads whose rows interleave need a few
// at once.
const (
	windowRows    = 128
	recentWindows = 8
)

// window says where some rows of a batch lie and what they hold.
type window struct {
	batch   int
	first   uint64 // row within the batch
	extents []arrowipc.Extent
	samples []uint32
	ids     *arrowipc.Array
}

// row describes one row.
type row struct {
	extent arrowipc.Extent
	// neighbours is where the rows of its window end, which lie one behind the other.
	neighbours int64
	samples    uint32
	id         []byte // of its read; nil when the table does not say
}

// rowDecoder is the memory that decoding a row takes.
type rowDecoder struct {
	vbz    *vbz.Decoder
	stored []byte
}

// rowDecoders are shared by all files: few are used at a time, however many files
// are opened one after the other.
var rowDecoders = sync.Pool{New: func() any { return &rowDecoder{vbz: vbz.NewDecoder()} }}

func openSignalRows(r io.ReaderAt, t *arrowipc.File) (*signalRows, error) {
	s := &signalRows{r: r, table: t, id: t.Column("read_id"), signal: t.Column("signal"), samples: t.Column("samples")}
	switch {
	case s.signal == nil:
		return nil, fmt.Errorf("%w: the column signal is missing", ErrCorrupt)
	case s.samples == nil || s.samples.Kind != arrowipc.Int:
		return nil, fmt.Errorf("%w: the column samples is missing or no integer", ErrCorrupt)
	}
	if s.id != nil && (s.id.Kind != arrowipc.FixedBinary || s.id.Width != len(signal.ReadID{})) {
		s.id = nil
	}
	switch f := s.signal; {
	case f.Kind == arrowipc.LargeBinary && f.Extension == "minknow.vbz":
	case f.Kind == arrowipc.LargeList && f.Extension == "" && isInt(f.Children[0]) && f.Children[0].Width == 2:
		s.plain = true
	default:
		return nil, fmt.Errorf("%w: signal codec %v", ErrUnsupported, f)
	}
	if t.Batches() > 0 {
		first, err := t.Batch(0)
		if err != nil {
			return nil, err
		}
		s.perBatch = uint64(first.Rows)
	}
	if s.id == nil { // nothing would show that batches differ in length
		return s, s.scan()
	}
	return s, nil
}

// lookup describes a row. The row of a file whose batches differ in length is
// found once that shows: in the batch's header or in the row's owner.
func (s *signalRows) lookup(index uint64, owner signal.ReadID) (row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starts == nil {
		found, err := s.find(index)
		if err == nil && (found.id == nil || string(found.id) == string(owner[:])) {
			return found, nil
		}
		if scanErr := s.scan(); scanErr != nil {
			return row{}, scanErr
		}
	}
	found, err := s.find(index)
	if err != nil {
		return row{}, err
	}
	if found.id != nil && string(found.id) != string(owner[:]) {
		return row{}, fmt.Errorf("%w: signal row %d belongs to read %v", ErrCorrupt, index, signal.ReadID(found.id))
	}
	return found, nil
}

// scan reads the length of every batch.
func (s *signalRows) scan() error {
	starts := make([]uint64, 1, s.table.Batches()+1)
	for i := range s.table.Batches() {
		batch, err := s.table.Batch(i)
		if err != nil {
			return tableError("signal", err)
		}
		starts = append(starts, starts[i]+uint64(batch.Rows))
	}
	s.starts = starts
	clear(s.recent[:])
	return nil
}

// find describes a row by the batch lengths that are known.
func (s *signalRows) find(index uint64) (row, error) {
	var batch, within uint64
	switch {
	case s.starts != nil:
		after, _ := slices.BinarySearch(s.starts, index+1)
		batch = uint64(after - 1)
		if 0 < after && after < len(s.starts) { // recovery may miss the first rows
			within = index - s.starts[batch]
		}
	case s.perBatch > 0:
		batch, within = index/s.perBatch, index%s.perBatch
	}
	if batch >= uint64(s.table.Batches()) {
		return row{}, fmt.Errorf("%w: there is no signal row %d", ErrCorrupt, index)
	}
	w, err := s.window(int(batch), within)
	if err != nil {
		return row{}, err
	}
	i := int(within - w.first)
	last := w.extents[len(w.extents)-1]
	r := row{extent: w.extents[i], neighbours: last.Offset + last.Length, samples: w.samples[i]}
	if w.ids != nil && !w.ids.Null(i) {
		r.id = w.ids.Bytes(i)
	}
	return r, nil
}

// window gives the window around a row, from those used lately if it is there.
func (s *signalRows) window(batch int, within uint64) (*window, error) {
	first := within - within%windowRows
	for i, w := range s.recent {
		if w != nil && w.batch == batch && w.first == first {
			copy(s.recent[1:i+1], s.recent[:i])
			s.recent[0] = w
			if within-first >= uint64(len(w.extents)) {
				return nil, fmt.Errorf("%w: batch %d of the signal table has no row %d", ErrCorrupt, batch, within)
			}
			return w, nil
		}
	}
	w, err := s.loadWindow(batch, first, within)
	if err != nil {
		return nil, tableError("signal", err)
	}
	copy(s.recent[1:], s.recent[:])
	s.recent[0] = w
	return w, nil
}

func (s *signalRows) loadWindow(batch int, first, within uint64) (*window, error) {
	b, err := s.table.Batch(batch)
	if err != nil {
		return nil, err
	}
	rows := uint64(b.Rows)
	last := batch == s.table.Batches()-1
	if within >= rows || s.starts == nil && (rows > s.perBatch || rows < s.perBatch && !last) {
		return nil, fmt.Errorf("%w: batch %d of the signal table has %d rows", ErrCorrupt, batch, rows)
	}
	n := int64(min(windowRows, rows-first))
	w := &window{batch: batch, first: first}
	if w.extents, err = b.Extents(s.signal, int64(first), n); err != nil {
		return nil, err
	}
	samples, err := b.Load(s.samples, int64(first), n)
	if err != nil {
		return nil, err
	}
	w.samples = make([]uint32, n)
	for i := range w.samples {
		v := samples.Int(i)
		if v < 0 || v > 1<<32-1 {
			return nil, fmt.Errorf("%w: a row of %d samples", ErrCorrupt, v)
		}
		w.samples[i] = uint32(v)
	}
	if s.id != nil {
		if w.ids, err = b.Load(s.id, int64(first), n); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// check refuses a row whose claimed samples do not fit its bytes.
func (s *signalRows) check(r row) error {
	switch {
	case s.plain && r.extent.Length != 2*int64(r.samples),
		!s.plain && !vbz.Plausible(uint64(r.samples), r.extent.Length):
		return fmt.Errorf("%w: a row claims %d samples in %d bytes", ErrCorrupt, r.samples, r.extent.Length)
	}
	return nil
}

// decode reads a row and appends its samples to dst.
func (s *signalRows) decode(r row, dst []int16) ([]int16, error) {
	if err := s.check(r); err != nil {
		return dst, err
	}
	d := rowDecoders.Get().(*rowDecoder)
	defer rowDecoders.Put(d)
	d.stored = slices.Grow(d.stored[:0], int(r.extent.Length))[:r.extent.Length]
	if err := readFull(s.r, d.stored, r.extent.Offset); err != nil {
		return dst, err
	}
	return s.unpack(d, r, d.stored, dst)
}

// unpack appends the samples of a row that passed check and was stored as these
// bytes.
func (s *signalRows) unpack(d *rowDecoder, r row, stored []byte, dst []int16) ([]int16, error) {
	start, n := len(dst), int(r.samples)
	out := slices.Grow(dst, n)[:start+n]
	if !s.plain {
		before := d.vbz.Unzipping
		if err := d.vbz.Decode(out[start:], stored); err != nil {
			return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		s.unzipping.Add(int64(d.vbz.Unzipping - before))
		return out, nil
	}
	for i := range n {
		out[start+i] = int16(binary.LittleEndian.Uint16(stored[2*i:]))
	}
	return out, nil
}
