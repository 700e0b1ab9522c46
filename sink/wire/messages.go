package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Messages gives the messages of an Arrow stream to [ipc.Reader] and checks the
// lengths they announce beforehand, as [Decode] does: a damaged stream asks for
// no more memory than its size justifies. Unlike a message of ours the stream may
// be compressed and hold columns of any type but dictionary-encoded ones.
type Messages struct {
	in   io.Reader
	left int64 // bytes of the stream
}

// NewMessages reads a stream of some size in bytes.
func NewMessages(in io.Reader, size int64) *Messages { return &Messages{in: in, left: size} }

// Message reads the next one; io.EOF at the end of the stream. An arrow-go reader
// indexes by what the message says, and may panic all the same.
func (m *Messages) Message() (*ipc.Message, error) {
	prefix, err := m.read(8)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(prefix) != 0xffffffff {
		return nil, errors.New("no Arrow IPC message where one should begin")
	}
	size := int64(binary.LittleEndian.Uint32(prefix[4:]))
	if size == 0 {
		if m.left > 8 { // padding
			return nil, fmt.Errorf("the stream ends %d bytes early", m.left)
		}
		return nil, io.EOF
	}
	header, err := m.read(size)
	if err != nil {
		return nil, err
	}
	c := checker{header: header, fields: maxFields, file: true}
	n, err := c.message()
	if err != nil {
		return nil, err
	}
	body, err := m.read(n)
	if err != nil {
		return nil, err
	}
	if err := c.body(body); err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(header), memory.NewBufferBytes(body)), nil
}

func (m *Messages) read(n int64) ([]byte, error) {
	if n < 0 || n > m.left {
		return nil, fmt.Errorf("%d bytes are announced where %d are left", n, m.left)
	}
	m.left -= n
	b := make([]byte, n)
	_, err := io.ReadFull(m.in, b)
	if err == io.EOF { // which would mean the end of the stream
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// Retain does nothing: memory is the garbage collector's.
func (m *Messages) Retain() {}

// Release does nothing.
func (m *Messages) Release() {}
