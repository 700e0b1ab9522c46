package parquet

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("a page has fewer values than it announces")

// values are those of a page, one after the other. A value is valid until the
// next is asked for, and as its physical type is stored plainly.
type values interface {
	next() ([]byte, error)
}

// plain values follow each other; texts come with their lengths.
type plain struct {
	b     []byte
	width int // bytes of a value; 0 for texts
}

func (p *plain) next() ([]byte, error) {
	n := p.width
	if n == 0 {
		if len(p.b) < 4 {
			return nil, errShort
		}
		n = int(binary.LittleEndian.Uint32(p.b))
		p.b = p.b[4:]
	}
	if n > len(p.b) {
		return nil, errShort
	}
	value := p.b[:n]
	p.b = p.b[n:]
	return value, nil
}

// indexed values are entries of a dictionary.
type indexed struct {
	entries [][]byte
	indices runs
}

func (x *indexed) next() ([]byte, error) {
	i, err := x.indices.next()
	if err != nil {
		return nil, err
	}
	if i >= uint64(len(x.entries)) {
		return nil, errors.New("a page points beyond its dictionary")
	}
	return x.entries[i], nil
}

// split values have all their first bytes together, then all second ones, …
type split struct {
	b         []byte
	width, at int
	value     [16]byte
}

func (s *split) next() ([]byte, error) {
	n := len(s.b) / s.width
	if s.at >= n {
		return nil, errShort
	}
	for k := range s.width {
		s.value[k] = s.b[k*n+s.at]
	}
	s.at++
	return s.value[:s.width], nil
}

// delta values are integers told by their differences, in blocks of equal width.
type delta struct {
	bitStream
	width, blocks int // bytes of a value; small blocks in a block
	perBlock      int // values in a small block
	begun         bool
	last, least   int64
	widths        []byte // of the small blocks to come, in bits
	left          int    // in the small block
	value         [8]byte
}

func newDelta(b []byte, width int) (*delta, error) {
	t := thriftReader{b: b} // has the same numbers
	block, blocks := t.uvarint(), t.uvarint()
	t.uvarint() // values, which the page tells, too
	first := t.integer()
	if t.err != nil || blocks == 0 || block > 1<<16 || blocks > block || block/blocks%8 != 0 {
		return nil, errors.New("a page of differences is damaged")
	}
	return &delta{bitStream: bitStream{b: t.b}, width: width, blocks: int(blocks), perBlock: int(block / blocks), last: first}, nil
}

func (d *delta) next() ([]byte, error) {
	if d.begun {
		if err := d.advance(); err != nil {
			return nil, err
		}
	}
	d.begun = true
	binary.LittleEndian.PutUint64(d.value[:], uint64(d.last))
	return d.value[:d.width], nil
}

func (d *delta) advance() error {
	if d.left == 0 {
		if len(d.widths) == 0 {
			t := thriftReader{b: d.rest()}
			d.least = t.integer()
			d.widths = t.take(uint64(d.blocks))
			if t.err != nil {
				return errShort
			}
			d.bitStream = bitStream{b: t.b}
		}
		d.count, d.widths, d.left = int(d.widths[0]), d.widths[1:], d.perBlock
	}
	v, err := d.take()
	if err != nil {
		return err
	}
	d.left--
	d.last += d.least + int64(v)
	return nil
}

// runs are small numbers: runs of equal ones, and packed ones.
type runs struct {
	bitStream
	left   uint64 // in the run
	packed bool
	value  uint64
}

func newRuns(b []byte, width int) runs { return runs{bitStream: bitStream{b: b, count: width}} }

func (r *runs) next() (uint64, error) {
	for r.left == 0 {
		head, n := binary.Uvarint(r.rest())
		if n <= 0 || head>>1 > 1<<31 {
			return 0, errShort
		}
		r.b, r.at = r.rest()[n:], 0
		r.packed, r.left = head&1 == 1, head>>1
		if r.packed {
			r.left *= 8
			continue
		}
		size := (r.count + 7) / 8
		if len(r.b) < size {
			return 0, errShort
		}
		var value [8]byte
		copy(value[:], r.b[:size])
		r.value, r.b = binary.LittleEndian.Uint64(value[:]), r.b[size:]
	}
	r.left--
	if r.packed {
		return r.take()
	}
	return r.value, nil
}

// bitStream holds numbers of count bits each, the lowest bit first.
type bitStream struct {
	b     []byte
	at    int // in bits
	count int // 64 at most
}

func (r *bitStream) take() (uint64, error) {
	if r.count > 64 || r.at+r.count > 8*len(r.b) {
		return 0, errShort
	}
	var v uint64
	for got := 0; got < r.count; {
		n := min(8-r.at%8, r.count-got)
		v |= uint64(r.b[r.at/8]>>(r.at%8)&(1<<n-1)) << got
		r.at, got = r.at+n, got+n
	}
	return v, nil
}

// rest is what begins with the next whole byte.
func (r *bitStream) rest() []byte { return r.b[(r.at+7)/8:] }
