package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// arrow-go allocates as many list entries as a flatbuffer announces, before it
// looks whether they are there; some hundred bytes could ask for gigabytes, and
// running out of memory cannot be recovered from. checkFraming walks the stream's
// messages and compares every announced length that arrow-go trusts with the
// bytes there are. Flatbuffer accessors panic on offsets that point outside;
// Decode recovers.
func checkFraming(payload []byte) error {
	rest := payload
	for range 3 { // schema, record batch, end of stream
		if len(rest) < 8 || binary.LittleEndian.Uint32(rest) != 0xffffffff {
			return errors.New("no Arrow IPC message where one should begin")
		}
		size := int(binary.LittleEndian.Uint32(rest[4:]))
		if size == 0 {
			return nil
		}
		if size < 8 || size > len(rest)-8 {
			return fmt.Errorf("message header of %d bytes in a payload of %d", size, len(payload))
		}
		c := checker{header: rest[8 : 8+size], fields: maxFields}
		body, err := c.message()
		if err != nil {
			return err
		}
		rest = rest[8+size:]
		if body < 0 || body > int64(len(rest)) {
			return fmt.Errorf("message body of %d bytes in a payload of %d", body, len(payload))
		}
		rest = rest[body:]
	}
	return errors.New("more Arrow IPC messages than a schema and a record batch")
}

// maxFields is far above what a later version of the schema may have.
const maxFields = 256

// The places of members in the tables of Arrow's Message.fbs and Schema.fbs.
const (
	messageHeaderType = 1
	messageHeader     = 2
	messageBody       = 3
	messageMetadata   = 4

	headerSchema      = 1
	headerRecordBatch = 3

	schemaFields   = 1
	schemaMetadata = 2
	schemaFeatures = 3

	fieldDictionary = 4
	fieldChildren   = 5
	fieldMetadata   = 6

	batchNodes       = 1
	batchBuffers     = 2
	batchCompression = 3
	batchVariadic    = 4
)

// checker looks at one message header.
type checker struct {
	header []byte
	fields int  // how many more are let through, which also bounds nesting
	file   bool // of a file, which another program may have written anew
}

func (c *checker) root() flatbuffers.Table {
	return flatbuffers.Table{Bytes: c.header, Pos: flatbuffers.GetUOffsetT(c.header)}
}

func (c *checker) message() (body int64, err error) {
	root := c.root()
	kind := root.GetByteSlot(slot(messageHeaderType), 0)
	inner, ok := member(root, messageHeader)
	switch {
	case !ok:
		err = errors.New("message header is missing")
	case kind == headerSchema:
		err = c.schema(inner)
	case kind == headerRecordBatch:
		err = c.batch(inner)
	default:
		err = fmt.Errorf("message of type %d: only a schema and a record batch are expected", kind)
	}
	return root.GetInt64Slot(slot(messageBody), 0), errors.Join(err, c.list(root, messageMetadata, nil))
}

func (c *checker) schema(t flatbuffers.Table) error {
	return errors.Join(c.list(t, schemaFields, c.field), c.list(t, schemaMetadata, nil), c.list(t, schemaFeatures, nil))
}

func (c *checker) field(t flatbuffers.Table) error {
	if c.fields--; c.fields < 0 {
		return fmt.Errorf("more than %d fields", maxFields)
	}
	if t.Offset(slot(fieldDictionary)) != 0 {
		return errors.New("a dictionary-encoded column")
	}
	return errors.Join(c.list(t, fieldChildren, c.field), c.list(t, fieldMetadata, nil))
}

func (c *checker) batch(t flatbuffers.Table) error {
	if c.file {
		return errors.Join(c.list(t, batchNodes, nil), c.list(t, batchBuffers, nil), c.variadic(t))
	}
	if t.Offset(slot(batchCompression)) != 0 {
		return errors.New("a compressed record batch")
	}
	if offset := t.Offset(slot(batchVariadic)); offset != 0 && t.VectorLen(flatbuffers.UOffsetT(offset)) != 0 {
		return errors.New("a column of a view type")
	}
	return errors.Join(c.list(t, batchNodes, nil), c.list(t, batchBuffers, nil))
}

// variadic checks the numbers of buffers that columns of view types announce.
func (c *checker) variadic(t flatbuffers.Table) error {
	if err := c.list(t, batchVariadic, nil); err != nil {
		return err
	}
	offset := flatbuffers.UOffsetT(t.Offset(slot(batchVariadic)))
	if offset == 0 {
		return nil
	}
	for i, start := 0, t.Vector(offset); i < t.VectorLen(offset); i++ {
		if n := t.GetInt64(start + flatbuffers.UOffsetT(8*i)); n < 0 || n > int64(len(c.header)) {
			return fmt.Errorf("a column of %d buffers", n)
		}
	}
	return nil
}

// body checks the places of a record batch's buffers and, where they are
// compressed, the sizes that they announce.
func (c *checker) body(body []byte) error {
	root := c.root()
	if root.GetByteSlot(slot(messageHeaderType), 0) != headerRecordBatch {
		return nil
	}
	batch, _ := member(root, messageHeader)
	offset := flatbuffers.UOffsetT(batch.Offset(slot(batchBuffers)))
	if offset == 0 {
		return nil
	}
	left := Inflated(int64(len(body)))
	for i, start := 0, batch.Vector(offset); i < batch.VectorLen(offset); i++ {
		at := start + flatbuffers.UOffsetT(16*i)
		from, n := batch.GetInt64(at), batch.GetInt64(at+8)
		if from < 0 || n < 0 || from > int64(len(body)) || n > int64(len(body))-from {
			return fmt.Errorf("a buffer of %d bytes in a body of %d", n, len(body))
		}
		if n == 0 || batch.Offset(slot(batchCompression)) == 0 {
			continue
		}
		size := int64(binary.LittleEndian.Uint64(body[from : from+n]))
		if left -= max(size, 0); size < -1 || left < 0 { // -1: not compressed after all
			return fmt.Errorf("a body of %d bytes expands to %d or more", len(body), size)
		}
	}
	return nil
}

// Inflated is the most memory, in bytes, that compressed data of some size may
// ask for: more than vectors can be compressed, and little for little data.
func Inflated(size int64) int64 { return 4<<20 + min(1024*size, 1<<40) }

// list checks a vector's announced length and, with each, its tables.
func (c *checker) list(t flatbuffers.Table, place int, each func(flatbuffers.Table) error) error {
	offset := flatbuffers.UOffsetT(t.Offset(slot(place)))
	if offset == 0 {
		return nil
	}
	const entry = 4 // bytes of the smallest entry, an offset
	n, start := t.VectorLen(offset), t.Vector(offset)
	if n < 0 || int(start) > len(c.header) || n > (len(c.header)-int(start))/entry {
		return fmt.Errorf("a list of %d entries in a header of %d bytes", n, len(c.header))
	}
	for i := 0; i < n && each != nil; i++ {
		at := start + flatbuffers.UOffsetT(i*entry)
		if err := each(flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}); err != nil {
			return err
		}
	}
	return nil
}

func member(t flatbuffers.Table, place int) (flatbuffers.Table, bool) {
	offset := flatbuffers.UOffsetT(t.Offset(slot(place)))
	if offset == 0 {
		return flatbuffers.Table{}, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + offset)}, true
}

// slot is the offset of a member in a table's vtable.
func slot(place int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*place) }
