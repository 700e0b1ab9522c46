package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// More numbers of parquet.thrift.
const (
	encodingPlainDictionary = 2 // the old name of encodingDictionary
	encodingDelta           = 5
	encodingSplit           = 9

	pageDataV2 = 3
)

// maxPage is the largest page that is read, in bytes, decompressed.
const maxPage = 256 << 20

// columnReader reads the values of a column in a row group, one after the other.
// Its memory is that of a page and a dictionary.
type columnReader struct {
	leaf
	codec    int64
	in       *io.SectionReader // its pages
	at       int64             // in them
	limit    int               // bytes of a page at most, decompressed
	inflater *inflater

	page       []byte // memory of the page under way
	dictionary [][]byte
	left       int64 // values in the page
	// Of the page; levels only if the column has them.
	repetitions, definitions runs
	values                   values
}

func newColumnReader(in io.ReaderAt, l leaf, e extent, limit int64, z *inflater) *columnReader {
	return &columnReader{
		leaf: l, codec: e.codec, in: io.NewSectionReader(in, e.start, e.size),
		limit: int(min(limit, maxPage)), inflater: z,
	}
}

// next gives a value, valid until the call after, and whether it belongs into the
// same list as the one before. After the last it gives io.EOF.
func (c *columnReader) next() (value []byte, same bool, err error) {
	for c.left == 0 {
		if err := c.nextPage(); err != nil {
			return nil, false, err
		}
	}
	c.left--
	if c.repetition > 0 {
		level, err := c.repetitions.next()
		if err != nil {
			return nil, false, err
		}
		same = level > 0
	}
	if c.definition > 0 {
		level, err := c.definitions.next()
		if err != nil {
			return nil, false, err
		}
		if level != uint64(c.definition) {
			return nil, false, errors.New("it holds a null or an empty list")
		}
	}
	value, err = c.values.next()
	return value, same, err
}

// pageHeader is what precedes a page. Numbers that are not told are 0.
type pageHeader struct {
	kind                             int64
	size, compressed                 int64 // bytes
	values, encoding                 int64
	repetitionBytes, definitionBytes int64 // of a page of version 2: levels are apart
	stored                           bool  // of such a page: it is not compressed
}

func (c *columnReader) nextPage() error {
	if c.at == c.in.Size() {
		return io.EOF
	}
	h, err := c.header()
	if err != nil {
		return err
	}
	if h.size < 0 || h.size > int64(c.limit) || h.compressed < 0 || h.compressed > c.in.Size()-c.at || h.values < 0 {
		return fmt.Errorf("a page of %d values announces %d bytes, %d decompressed", h.values, h.compressed, h.size)
	}
	raw := make([]byte, h.compressed)
	if _, err := c.in.ReadAt(raw, c.at); err != nil {
		return err
	}
	c.at += h.compressed
	switch h.kind {
	case pageDictionary:
		return c.dictionaryPage(h, raw)
	case pageData:
		return c.dataPage(h, raw)
	case pageDataV2:
		return c.dataPageV2(h, raw)
	}
	return nil // an index
}

// header reads the header of the page there.
func (c *columnReader) header() (h pageHeader, err error) {
	left := c.in.Size() - c.at
	for n := min(256, left); ; n = min(4*n, left) { // its length is not told
		b := make([]byte, n)
		if _, err := c.in.ReadAt(b, c.at); err != nil {
			return h, err
		}
		t := &thriftReader{b: b}
		if h = readPageHeader(t); t.err == nil {
			c.at += n - int64(len(t.b))
			return h, nil
		}
		if n == left || n > 1<<20 {
			return h, t.err
		}
	}
}

func readPageHeader(t *thriftReader) (h pageHeader) {
	t.record(func(at field) bool {
		switch at {
		case field{1, typeI32}:
			h.kind = t.integer()
		case field{2, typeI32}:
			h.size = t.integer()
		case field{3, typeI32}:
			h.compressed = t.integer()
		case field{5, typeStruct}, field{7, typeStruct}:
			t.record(func(at field) bool {
				switch at {
				case field{1, typeI32}:
					h.values = t.integer()
				case field{2, typeI32}:
					h.encoding = t.integer()
				default:
					return false
				}
				return true
			})
		case field{8, typeStruct}:
			t.record(func(at field) bool {
				switch at {
				case field{1, typeI32}:
					h.values = t.integer()
				case field{4, typeI32}:
					h.encoding = t.integer()
				case field{5, typeI32}:
					h.definitionBytes = t.integer()
				case field{6, typeI32}:
					h.repetitionBytes = t.integer()
				case field{7, typeFalse}:
					h.stored = true
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	return h
}

func (c *columnReader) dictionaryPage(h pageHeader, raw []byte) error {
	b := make([]byte, h.size) // not of page: the entries stay there
	if err := c.inflater.inflate(c.codec, b, raw); err != nil {
		return err
	}
	entries := c.plain(b)
	c.dictionary = nil
	for range h.values {
		entry, err := entries.next()
		if err != nil {
			return err
		}
		c.dictionary = append(c.dictionary, entry)
	}
	return nil
}

func (c *columnReader) dataPage(h pageHeader, raw []byte) error {
	b, err := c.inflate(h.size, raw, false)
	if err != nil {
		return err
	}
	levels := func(highest int) (r runs) {
		if highest == 0 || err != nil {
			return r
		}
		if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
			err = errShort
			return r
		}
		n := binary.LittleEndian.Uint32(b)
		r = newRuns(b[4:4+n], bits.Len(uint(highest)))
		b = b[4+n:]
		return r
	}
	c.repetitions, c.definitions = levels(c.repetition), levels(c.definition)
	if err != nil {
		return err
	}
	return c.begin(h, b)
}

func (c *columnReader) dataPageV2(h pageHeader, raw []byte) error {
	r, d := h.repetitionBytes, h.definitionBytes
	if r < 0 || d < 0 || r+d > int64(len(raw)) || r+d > h.size {
		return errShort
	}
	c.repetitions = newRuns(raw[:r], bits.Len(uint(c.repetition)))
	c.definitions = newRuns(raw[r:r+d], bits.Len(uint(c.definition)))
	b, err := c.inflate(h.size-r-d, raw[r+d:], h.stored)
	if err != nil {
		return err
	}
	return c.begin(h, b)
}

// inflate decompresses into the memory of the page before.
func (c *columnReader) inflate(size int64, raw []byte, stored bool) ([]byte, error) {
	if int64(cap(c.page)) < size {
		c.page = make([]byte, size)
	}
	codec := c.codec
	if stored || size == 0 {
		codec = codecNone
	}
	b := c.page[:size]
	return b, c.inflater.inflate(codec, b, raw)
}

// begin begins with the values of a page.
func (c *columnReader) begin(h pageHeader, b []byte) (err error) {
	c.left = h.values
	switch h.encoding {
	case encodingPlain:
		c.values = c.plain(b)
	case encodingDictionary, encodingPlainDictionary:
		if len(b) == 0 {
			return errShort
		}
		c.values = &indexed{c.dictionary, newRuns(b[1:], int(b[0]))}
	case encodingSplit:
		if c.size() == 0 {
			return errors.New("its texts are split")
		}
		c.values = &split{b: b, width: c.size()}
	case encodingDelta:
		if c.physical != physicalInt32 && c.physical != physicalInt64 {
			return errors.New("it has differences of other than integers")
		}
		c.values, err = newDelta(b, c.size())
	default:
		return fmt.Errorf("encoding %d is not read: write the file anew with another", h.encoding)
	}
	return err
}

func (c *columnReader) plain(b []byte) *plain { return &plain{b, c.size()} }

// size is the length of a value in bytes, 0 for texts.
func (l leaf) size() int {
	switch l.physical {
	case physicalInt32, physicalFloat:
		return 4
	case physicalInt64:
		return 8
	case physicalFixed:
		return int(l.width)
	}
	return 0
}
