package arrowipc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
)

// magic begins and ends an Arrow IPC file; at the start it is padded to 8.
var magic = []byte("ARROW1")

// Message types of the Arrow format (Message.fbs, union MessageHeader).
const (
	headerSchema     = 1
	headerDictionary = 2
	headerRecord     = 3
)

// File is an Arrow IPC file within another file.
type File struct {
	r       io.ReaderAt
	base    int64 // where the table lies in r
	size    int64
	root    *Field
	records []block
	dicts   []block

	identifier string // of the POD5 file, as the schema has it
}

// block places one message in the table.
type block struct{ offset, metadata, body int64 }

// blockSize is the length of a block in the footer: int64, int32, padding, int64.
const blockSize = 24

// Open reads the footer of the table at r[base:base+size], a range that must lie
// within the file.
func Open(r io.ReaderAt, base, size int64) (*File, error) {
	f := &File{r: r, base: base, size: size}
	tail := int64(4 + len(magic))
	if size < 8+tail {
		return nil, fmt.Errorf("%w: only %d bytes", ErrCorrupt, size)
	}
	end, err := f.read(size-tail, tail)
	if err != nil {
		return nil, err
	}
	start, err := f.read(0, int64(len(magic)))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(start, magic) || !bytes.Equal(end[4:], magic) {
		return nil, fmt.Errorf("%w: it does not begin and end with ARROW1", ErrCorrupt)
	}
	length := int64(int32(binary.LittleEndian.Uint32(end)))
	if length <= 0 || length > size-tail-8 {
		return nil, fmt.Errorf("%w: footer of %d bytes", ErrCorrupt, length)
	}
	footer, err := f.read(size-tail-length, length)
	if err != nil {
		return nil, err
	}
	buf := flatbuf.NewBuffer(footer)
	root := buf.Root()
	f.root, err = readSchema(root.Table(1))
	f.identifier = fileIdentifier(root.Table(1))
	if buf.Err() != nil {
		return nil, fmt.Errorf("%w: footer: %w", ErrCorrupt, buf.Err())
	}
	if err != nil {
		return nil, err
	}
	if f.dicts, err = f.blocks(root.Vector(2, blockSize)); err != nil {
		return nil, fmt.Errorf("dictionaries: %w", err)
	}
	if f.records, err = f.blocks(root.Vector(3, blockSize)); err != nil {
		return nil, fmt.Errorf("record batches: %w", err)
	}
	if buf.Err() != nil {
		return nil, fmt.Errorf("%w: footer: %w", ErrCorrupt, buf.Err())
	}
	return f, nil
}

// blocks checks a list of blocks. Together they must fit in the table: a short
// footer cannot make a reader go through the same long batch many times.
func (f *File) blocks(v flatbuf.Vector) ([]block, error) {
	list := make([]block, v.Len())
	left := f.size
	for i := range list {
		raw := v.Struct(i)
		b := block{
			offset:   int64(binary.LittleEndian.Uint64(raw)),
			metadata: int64(int32(binary.LittleEndian.Uint32(raw[8:]))),
			body:     int64(binary.LittleEndian.Uint64(raw[16:])),
		}
		if b.offset < 0 || b.metadata < 8 || b.body < 0 ||
			b.metadata > left || b.body > left-b.metadata || b.offset > f.size-b.metadata-b.body {
			return nil, fmt.Errorf("%w: batch %d lies outside of the table", ErrCorrupt, i)
		}
		left -= b.metadata + b.body
		list[i] = b
	}
	return list, nil
}

// read gets n bytes at offset of the table, neither of which is negative. Of a
// batch that is cut off they may lie beyond the end.
func (f *File) read(offset, n int64) ([]byte, error) {
	if offset > f.size || n > f.size-offset {
		return nil, io.ErrUnexpectedEOF
	}
	p := make([]byte, n)
	return p, readAt(f.r, p, f.base+offset)
}

// readAt fills p. A file that has become shorter is not the end of the input.
func readAt(r io.ReaderAt, p []byte, offset int64) error {
	_, err := r.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Column finds a top-level column by name; nil when there is none.
func (f *File) Column(name string) *Field { return f.root.Child(name) }

// Batches is the number of record batches.
func (f *File) Batches() int { return len(f.records) }

// Batch reads the header of record batch i, which is below Batches.
func (f *File) Batch(i int) (*Batch, error) {
	header, err := f.message(f.records[i], headerRecord)
	if err != nil {
		return nil, err
	}
	return f.batch(header, f.records[i])
}

// message reads the metadata of a block and gives the table that it wraps.
func (f *File) message(b block, kind uint8) (flatbuf.Table, error) {
	raw, err := f.read(b.offset, b.metadata)
	if err != nil {
		return flatbuf.Table{}, err
	}
	// Since Arrow 0.15 a marker of four FF bytes comes before the length.
	prefix := 4
	if binary.LittleEndian.Uint32(raw) == continuation {
		prefix = 8
	}
	buf := flatbuf.NewBuffer(raw[prefix:])
	root := buf.Root()
	got, header := root.Uint8(1), root.Table(2)
	if buf.Err() != nil || got != kind {
		return flatbuf.Table{}, fmt.Errorf("%w: no batch where the footer says that one is", ErrCorrupt)
	}
	return header, nil
}

// Dictionary loads the values of the dictionary of a column. Index 0 is the first
// value of the first array; each further array continues the count.
func (f *File) Dictionary(field *Field) ([]*Array, error) {
	var parts []*Array
	for _, b := range f.dicts {
		header, err := f.message(b, headerDictionary)
		if err != nil {
			return nil, err
		}
		if header.Int64(0) != field.DictionaryID {
			continue
		}
		batch, err := f.batch(header.Table(1), b)
		if err != nil {
			return nil, err
		}
		part, err := batch.Load(field.Dictionary, 0, batch.Rows)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}
