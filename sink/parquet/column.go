package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/zstd"
)

// pageBytes is the size at which a page ends.
const pageBytes = 1 << 20

// Types and encodings of parquet.thrift.
const (
	physicalInt32 = 1
	physicalInt64 = 2
	physicalFloat = 4
	physicalBytes = 6
	physicalFixed = 7

	encodingPlain      = 0
	encodingRLE        = 3
	encodingDictionary = 8

	pageData       = 0
	pageDictionary = 2
)

// column gathers the values of one column of a row group. None of them is null.
type column struct {
	field    arrow.Field
	physical int32
	width    int  // bytes of a value; 0 for texts
	repeats  int  // values in a row: the length of a list, else 1
	listed   bool // the values are elements of lists
	indexed  bool // repeated values are stored once, in a dictionary
	zstd     *zstd.Encoder

	page   []byte // values of the page under way
	values int    // in it
	chunk  []byte // pages that are done
	done   chunk

	index   map[string]uint32
	entries []byte   // of the dictionary
	indices []uint32 // of all values, when indexed

	least, most []byte // as statistics have them; nil before the first value
}

// chunk is what the footer says of a column in a row group.
type chunk struct {
	values             int
	offset, dataOffset int64
	compressed, plain  int64 // bytes with page headers
	least, most        []byte
}

func newColumn(f arrow.Field, z *zstd.Encoder) (*column, error) {
	c := &column{field: f, repeats: 1, zstd: z}
	t := f.Type
	if list, ok := t.(*arrow.FixedSizeListType); ok {
		c.listed, c.repeats, t = true, int(list.Len()), list.Elem()
	}
	switch t := t.(type) {
	case *arrow.StringType:
		c.physical, c.indexed = physicalBytes, true
	case *arrow.FixedSizeBinaryType:
		c.physical, c.width, c.indexed = physicalFixed, t.ByteWidth, true
	case *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type:
		c.physical, c.width = physicalInt32, 4
	case *arrow.Uint64Type:
		c.physical, c.width = physicalInt64, 8
	case *arrow.Float32Type:
		c.physical, c.width = physicalFloat, 4
	case *arrow.Float16Type:
		c.physical, c.width = physicalFixed, 2
	default:
		return nil, fmt.Errorf("column %s: type %v is not supported", f.Name, f.Type)
	}
	c.reset()
	return c, nil
}

// reset begins another row group.
func (c *column) reset() {
	c.page, c.values, c.chunk, c.done = c.page[:0], 0, c.chunk[:0], chunk{}
	c.entries, c.indices, c.least, c.most = c.entries[:0], c.indices[:0], nil, nil
	if c.indexed {
		c.index = make(map[string]uint32)
	}
}

// add takes the values of an array of the field's type.
func (c *column) add(a arrow.Array) {
	switch a := a.(type) {
	case *array.String:
		for i := range a.Len() {
			c.addIndexed([]byte(a.Value(i)))
		}
	case *array.FixedSizeBinary:
		for i := range a.Len() {
			c.addIndexed(a.Value(i))
		}
	case *array.Uint8:
		addIntegers(c, a.Uint8Values())
	case *array.Uint16:
		addIntegers(c, a.Uint16Values())
	case *array.Uint32:
		addIntegers(c, a.Uint32Values())
	case *array.Uint64:
		addIntegers(c, a.Uint64Values())
	case *array.FixedSizeList:
		n := a.Len() * c.repeats
		c.page = append(c.page, a.ListValues().Data().Buffers()[1].Bytes()[:n*c.width]...)
		c.values += n
	}
	if len(c.page) >= pageBytes {
		c.endPage()
	}
}

func (c *column) addIndexed(value []byte) {
	at, known := c.index[string(value)]
	if !known {
		at = uint32(len(c.index))
		c.index[string(value)] = at
		if c.width == 0 {
			c.entries = binary.LittleEndian.AppendUint32(c.entries, uint32(len(value)))
		}
		c.entries = append(c.entries, value...)
		if c.least == nil || bytes.Compare(value, c.least) < 0 {
			c.least = append([]byte{}, value...)
		}
		if c.most == nil || bytes.Compare(value, c.most) > 0 {
			c.most = append([]byte{}, value...)
		}
	}
	c.indices = append(c.indices, at)
}

// addIntegers widens values to the column's width.
func addIntegers[T uint8 | uint16 | uint32 | uint64](c *column, values []T) {
	if len(values) == 0 {
		return
	}
	least, most := values[0], values[0]
	for _, v := range values {
		c.page = c.appendInteger(c.page, uint64(v))
		least, most = min(least, v), max(most, v)
	}
	c.values += len(values)
	if c.least == nil || uint64(least) < c.integer(c.least) {
		c.least = c.appendInteger(nil, uint64(least))
	}
	if c.most == nil || uint64(most) > c.integer(c.most) {
		c.most = c.appendInteger(nil, uint64(most))
	}
}

func (c *column) appendInteger(to []byte, v uint64) []byte {
	if c.width == 4 {
		return binary.LittleEndian.AppendUint32(to, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(to, v)
}

func (c *column) integer(b []byte) uint64 {
	if c.width == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// finish ends the row group: the bytes of the dictionary page and of the others,
// and what is known of them.
func (c *column) finish() (dictionary, pages []byte, done chunk) {
	if c.indexed {
		dictionary = c.appendPage(nil, pageDictionary, len(c.index), c.entries)
		width := max(1, bits.Len(uint(len(c.index)-1)))
		c.page, c.values = appendRuns(append(c.page, byte(width)), c.indices, width), len(c.indices)
	}
	if c.values > 0 {
		c.endPage()
	}
	c.done.least, c.done.most = c.least, c.most
	return dictionary, c.chunk, c.done
}

// endPage moves the page's values into the chunk.
func (c *column) endPage() {
	body := c.page
	if c.listed {
		body = append(c.appendLevels(nil), c.page...)
	}
	c.chunk = c.appendPage(c.chunk, pageData, c.values, body)
	c.done.values += c.values
	c.page, c.values = c.page[:0], 0
}

// appendLevels says where lists begin (repetition 0, then 1 for each further
// element) and that no list is empty (definition 1).
func (c *column) appendLevels(to []byte) []byte {
	var repetition []byte
	for range c.values / c.repeats {
		repetition = appendRun(repetition, 1, 0, 1)
		if c.repeats > 1 {
			repetition = appendRun(repetition, c.repeats-1, 1, 1)
		}
	}
	definition := appendRun(nil, c.values, 1, 1)
	for _, levels := range [][]byte{repetition, definition} {
		to = append(binary.LittleEndian.AppendUint32(to, uint32(len(levels))), levels...)
	}
	return to
}

// appendRuns writes values as runs of equal ones, each as wide as bits tell.
func appendRuns(to []byte, values []uint32, width int) []byte {
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		to = appendRun(to, end-i, values[i], width)
		i = end
	}
	return to
}

func appendRun(to []byte, n int, value uint32, width int) []byte {
	to = binary.AppendUvarint(to, uint64(n)<<1)
	for ; width > 0; width -= 8 {
		to = append(to, byte(value))
		value >>= 8
	}
	return to
}

// appendPage compresses a page and puts its header before it.
func (c *column) appendPage(to []byte, kind int32, values int, body []byte) []byte {
	compressed := c.zstd.EncodeAll(body, nil)
	var t thrift
	t.element(func() {
		t.i32(1, kind)
		t.i32(2, int32(len(body)))
		t.i32(3, int32(len(compressed)))
		if kind == pageDictionary {
			t.record(7, func() {
				t.i32(1, int32(values))
				t.i32(2, encodingPlain)
			})
			return
		}
		t.record(5, func() {
			t.i32(1, int32(values))
			t.i32(2, c.encoding())
			t.i32(3, encodingRLE) // of the levels
			t.i32(4, encodingRLE)
		})
	})
	c.done.plain += int64(len(t.b) + len(body))
	return append(append(to, t.b...), compressed...)
}

// encoding of the data pages.
func (c *column) encoding() int32 {
	if c.indexed {
		return encodingDictionary
	}
	return encodingPlain
}
