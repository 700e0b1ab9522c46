package hdf5

// The kinds of header messages that are read.
const (
	messageDataspace = 0x01
	messageLinkInfo  = 0x02
	messageDatatype  = 0x03
	messageLink      = 0x06
	messageExternal  = 0x07
	messageLayout    = 0x08
	messageFilters   = 0x0b
	messageAttribute = 0x0c
	messageContinue  = 0x10
	messageSymbols   = 0x11
	messageAttrInfo  = 0x15
)

const (
	// maxBlocks, maxHeader and maxMessages bound a header: those of reads have a few blocks and
	// some hundred messages.
	maxBlocks   = 1 << 10
	maxHeader   = 1 << 24
	maxMessages = 1 << 12
)

// Object is a group or a dataset: what its header says of it.
type Object struct {
	file *File
	// Address tells objects apart: links of the same address lead to the same object.
	Address  uint64
	messages []message
}

type message struct {
	kind   uint16
	shared bool
	data   []byte
}

// block is a range of the file that holds messages.
type block struct{ address, length uint64 }

// Object reads the header at an address.
func (f *File) Object(address uint64) (*Object, error) {
	// 16 bytes of prefix, or up to 34 in version 2, where the file may end at once.
	prefix, err := f.read(address, min(34, uint64(max(f.size, 0))-min(address, uint64(f.size))))
	if err != nil {
		return nil, err
	}
	o := &Object{file: f, Address: address}
	c := cursor{b: prefix}
	if len(prefix) >= 4 && string(prefix[:4]) == "OHDR" {
		return o, o.readV2(&c)
	}
	version := c.u8()
	c.skip(1 + 2 + 4)
	length := uint64(c.u32())
	c.skip(4) // messages are aligned to 8
	if c.short || version != 1 {
		return nil, corrupt("no object header at address %d", address)
	}
	return o, o.readBlocks(block{address + uint64(c.at), length}, func(c *cursor, left uint64) (message, uint64) {
		kind, size, flags := c.u16(), uint64(c.u16()), c.u8()
		c.skip(3)
		return message{kind: kind, shared: flags&2 != 0}, size
	}, "")
}

// readV2 reads a header that begins with OHDR.
func (o *Object) readV2(c *cursor) error {
	c.skip(4)
	version, flags := c.u8(), c.u8()
	if version != 2 {
		return unsupported("object header of version %d", version)
	}
	if flags&0x20 != 0 {
		c.skip(16) // times
	}
	if flags&0x10 != 0 {
		c.skip(4)
	}
	length := c.uint(1 << (flags & 3))
	if c.short {
		return corrupt("no object header at address %d", o.Address)
	}
	return o.readBlocks(block{o.Address + uint64(c.at), length}, func(c *cursor, left uint64) (message, uint64) {
		if left < 4 { // a gap too small for a message
			c.skip(left)
			return message{}, 0
		}
		kind, size, bits := uint16(c.u8()), uint64(c.u16()), c.u8()
		if flags&4 != 0 {
			c.skip(2) // order of creation
		}
		return message{kind: kind, shared: bits&2 != 0}, size
	}, "OCHK")
}

// readBlocks reads the messages of a block and of those that continue it. next
// reads what precedes a message; mark begins the blocks that continue, which then
// end with a checksum.
func (o *Object) readBlocks(first block, next func(c *cursor, left uint64) (message, uint64), mark string) error {
	blocks := []block{first}
	total := uint64(0)
	for i := 0; i < len(blocks); i++ {
		b := blocks[i]
		if total += b.length; total > maxHeader || len(blocks) > maxBlocks || b.length > maxHeader {
			return corrupt("the object header at address %d does not end", o.Address)
		}
		data, err := o.file.read(b.address, b.length)
		if err != nil {
			return err
		}
		if i > 0 && mark != "" {
			if len(data) < len(mark)+4 || string(data[:len(mark)]) != mark {
				return corrupt("the object header at address %d is not continued at %d", o.Address, b.address)
			}
			data = data[len(mark) : len(data)-4]
		}
		c := cursor{b: data}
		for len(c.rest()) > 0 {
			m, size := next(&c, uint64(len(c.rest())))
			m.data = c.bytes(size)
			if c.short {
				return corrupt("a message reaches beyond the object header at address %d", o.Address)
			}
			if m.kind == messageContinue {
				more := cursor{b: m.data}
				blocks = append(blocks, block{more.u64(), more.u64()})
				continue
			}
			if o.messages = append(o.messages, m); len(o.messages) > maxMessages {
				return unsupported("an object header of more than %d messages", maxMessages)
			}
		}
	}
	return nil
}

// message finds the first message of a kind; nil when there is none.
func (o *Object) message(kind uint16) *message {
	for i := range o.messages {
		if o.messages[i].kind == kind {
			return &o.messages[i]
		}
	}
	return nil
}

// IsDataset says whether the object holds data.
func (o *Object) IsDataset() bool { return o.message(messageLayout) != nil }
