package hdf5

import "encoding/binary"

// cursor reads little-endian numbers one after the other. Beyond the end it gives
// zeros and notes that it was short.
type cursor struct {
	b     []byte
	at    int
	short bool
}

// bytes gives the next n bytes; nil when there are fewer.
func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.b)-c.at) {
		c.short, c.at = true, len(c.b)
		return nil
	}
	p := c.b[c.at : c.at+int(n)]
	c.at += int(n)
	return p
}

func (c *cursor) skip(n uint64) { c.bytes(n) }

// uint reads a number of 1, 2, 4 or 8 bytes.
func (c *cursor) uint(width uint64) uint64 {
	p := c.bytes(width)
	if p == nil {
		return 0
	}
	switch width {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	default:
		return binary.LittleEndian.Uint64(p)
	}
}

func (c *cursor) u8() uint8   { return uint8(c.uint(1)) }
func (c *cursor) u16() uint16 { return uint16(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }
func (c *cursor) u64() uint64 { return c.uint(8) }

// rest is what was not read yet.
func (c *cursor) rest() []byte { return c.b[c.at:] }
