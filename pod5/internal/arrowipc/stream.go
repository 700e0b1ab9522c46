package arrowipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
)

// continuation comes before the length of every message since Arrow 0.15.
const continuation = 0xffffffff

// Walked is a table whose batches were found without its footer.
type Walked struct {
	*File
	// End is where in the file the first byte lies that was not understood, or
	// the end of the stream.
	End int64
	// Ended says that the table itself ends there.
	Ended bool
	// Cut is the batch that the end of the file cuts off, nil when there is none.
	// Those of its columns can be loaded that are there.
	Cut *Batch
}

// Broken says that something follows which was not understood.
func (w *Walked) Broken() bool { return !w.Ended && w.End < w.base+w.size }

// Walk goes through a table message by message, behind the magic at r[base:], up
// to the end of the stream or to the first message that is damaged or cut off. The
// table has size bytes at most.
func Walk(r io.ReaderAt, base, size int64) (*Walked, error) {
	w := &Walked{File: &File{r: r, base: base, size: size}}
	at := int64(len(magic) + 2)
	schema, err := w.next(at)
	if err != nil {
		return nil, err
	}
	if schema.kind != headerSchema || !schema.fits(size) {
		return nil, fmt.Errorf("%w: no schema at the start", ErrCorrupt)
	}
	w.root, err = readSchema(schema.header)
	w.identifier = fileIdentifier(schema.header)
	if schema.buf.Err() != nil {
		return nil, fmt.Errorf("%w: schema: %w", ErrCorrupt, schema.buf.Err())
	}
	if err != nil {
		return nil, err
	}
	for m := schema; ; {
		at = m.end()
		w.End = base + at
		if m, err = w.next(at); err != nil {
			w.Ended = errors.Is(err, io.EOF)
			return w, nil
		}
		switch {
		case m.kind == headerDictionary && m.fits(size):
			if _, err := w.batch(m.header.Table(1), m.block); err != nil || m.buf.Err() != nil {
				return w, nil
			}
			w.dicts = append(w.dicts, m.block)
		case m.kind == headerRecord:
			batch, err := w.batch(m.header, m.block)
			if err != nil || m.buf.Err() != nil {
				return w, nil
			}
			if !m.fits(size) {
				w.Cut = batch
				return w, nil
			}
			w.records = append(w.records, m.block)
		default:
			return w, nil
		}
	}
}

// message is the metadata of a message; its body may lie beyond the file.
type message struct {
	block
	kind   uint8
	header flatbuf.Table
	buf    *flatbuf.Buffer
}

func (m message) end() int64 { return m.offset + m.metadata + m.body }

func (m message) fits(size int64) bool { return m.end() <= size }

// next reads the metadata of the message at an offset of the table; io.EOF is the
// end of the stream.
func (f *File) next(offset int64) (m message, err error) {
	prefix, err := f.read(offset, 8)
	if err != nil {
		return m, err
	}
	length := int64(int32(binary.LittleEndian.Uint32(prefix[4:])))
	switch {
	case binary.LittleEndian.Uint32(prefix) != continuation || length < 0:
		return m, fmt.Errorf("%w: no message at byte %d", ErrCorrupt, offset)
	case length == 0:
		return m, io.EOF
	}
	raw, err := f.read(offset+8, length)
	if err != nil {
		return m, err
	}
	m.buf = flatbuf.NewBuffer(raw)
	root := m.buf.Root()
	m.kind, m.header = root.Uint8(1), root.Table(2)
	m.block = block{offset: offset, metadata: 8 + length, body: root.Int64(3)}
	if m.buf.Err() != nil || m.body < 0 || m.body > math.MaxInt64-f.base-offset-m.metadata {
		return m, fmt.Errorf("%w: message at byte %d", ErrCorrupt, offset)
	}
	return m, nil
}

// DropUnreadable forgets the record batches whose headers cannot be read. It gives
// the places that those which are left had among all.
func (f *File) DropUnreadable() []int {
	var places []int
	var readable []block
	for i, b := range f.records {
		if batch, err := f.Batch(i); err == nil && batch.Rows <= f.size {
			places = append(places, i)
			readable = append(readable, b)
		}
	}
	f.records = readable
	return places
}

// Identifier is what POD5 calls the file identifier, as the table's schema has it.
func (f *File) Identifier() string { return f.identifier }

// maxMetadata bounds the entries of a schema's metadata that are looked at; POD5
// has three.
const maxMetadata = 32

func fileIdentifier(schema flatbuf.Table) string {
	list := schema.Vector(2, 4)
	for i := range min(list.Len(), maxMetadata) {
		if kv := list.Table(i); kv.String(0) == "MINKNOW:file_identifier" {
			return kv.String(1)
		}
	}
	return ""
}
