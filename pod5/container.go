package pod5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
	"github.com/porevec/porevec/pod5/internal/schema"
)

const (
	headerSize = len(schema.Signature) + markerSize
	// tailSize holds the footer's length, the section marker, the signature.
	tailSize   = 8 + markerSize + len(schema.Signature)
	markerSize = 16
)

// maxContents bounds the list of tables; files have two or three.
const maxContents = 64

// section places a table in the file.
type section struct{ offset, length int64 }

// container is what header and footer tell.
type container struct {
	marker  [markerSize]byte
	version string // of the library that wrote the file
	tables  map[schema.Content]section
}

// readContainer reads both ends of a file of size bytes.
func readContainer(r io.ReaderAt, size int64) (*container, error) {
	var head [headerSize]byte
	if n, err := r.ReadAt(head[:min(size, int64(headerSize))], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if n < len(schema.Signature) || string(head[:len(schema.Signature)]) != schema.Signature {
		return nil, ErrNotPOD5
	}
	if size < int64(headerSize+tailSize) {
		return nil, ErrUnfinished
	}
	var tail [tailSize]byte
	if err := readFull(r, tail[:], size-int64(tailSize)); err != nil {
		return nil, err
	}
	if string(tail[8+markerSize:]) != schema.Signature {
		return nil, ErrUnfinished
	}
	c := &container{marker: [markerSize]byte(head[len(schema.Signature):]), tables: map[schema.Content]section{}}
	if string(tail[8:8+markerSize]) != string(c.marker[:]) {
		return nil, fmt.Errorf("%w: its end belongs to another file (the section markers differ)", ErrCorrupt)
	}
	length := int64(binary.LittleEndian.Uint64(tail[:]))
	if length <= 0 || length > size-int64(headerSize+tailSize) {
		return nil, fmt.Errorf("%w: a footer of %d bytes in a file of %d", ErrCorrupt, length, size)
	}
	footer := make([]byte, length)
	if err := readFull(r, footer, size-int64(tailSize)-length); err != nil {
		return nil, err
	}
	return c, c.readFooter(footer, size)
}

// readFooter finds the tables. Kinds of content that are not known are skipped.
func (c *container) readFooter(footer []byte, size int64) error {
	buf := flatbuf.NewBuffer(footer)
	root := buf.Root()
	c.version = root.String(2)
	contents := root.Vector(3, 4)
	for i := range min(contents.Len(), maxContents) {
		file := contents.Table(i)
		s := section{file.Int64(0), file.Int64(1)}
		if s.offset < int64(headerSize) || s.length < 0 || s.offset > size || s.length > size-s.offset {
			return fmt.Errorf("%w: table %d lies outside of the file", ErrCorrupt, i)
		}
		c.tables[schema.Content(file.Int16(3))] = s
	}
	if buf.Err() != nil {
		return fmt.Errorf("%w: footer: %w", ErrCorrupt, buf.Err())
	}
	return nil
}

// readFull fills p. A file that has become shorter is not the end of the input.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	_, err := r.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
