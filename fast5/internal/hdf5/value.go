package hdf5

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The classes of datatypes that are read.
const (
	classInt    = 0
	classFloat  = 1
	classString = 3
	classEnum   = 8
	classVlen   = 9
)

// datatype is the type of an element.
type datatype struct {
	class   uint8
	bits    uint32
	size    uint32
	members map[uint64]string // of an enum
}

func (t *datatype) bigEndian() bool { return t.bits&1 != 0 }
func (t *datatype) signed() bool    { return t.bits&8 != 0 }

// readDatatype reads a type and those that it is made of, to a depth that files
// have.
func readDatatype(c *cursor, depth int) (*datatype, error) {
	head := c.u32()
	t := &datatype{class: uint8(head) & 15, bits: head >> 8, size: c.u32()}
	version := uint8(head) >> 4
	switch {
	case c.short:
		return nil, corrupt("a datatype is cut off")
	case depth > 2 || version < 1 || version > 3:
		return nil, unsupported("datatype of version %d, %d deep", version, depth)
	}
	switch t.class {
	case classInt:
		c.skip(2)
		if bits := c.u16(); !c.short && uint32(bits) != 8*t.size {
			return nil, unsupported("integers of %d bits in %d bytes", bits, t.size)
		}
	case classFloat:
		c.skip(12)
	case classString:
	case classVlen:
		base, err := readDatatype(c, depth+1)
		if err != nil {
			return nil, err
		}
		if t.bits&15 != 1 {
			return nil, unsupported("sequences of datatype class %d", base.class)
		}
	case classEnum:
		base, err := readDatatype(c, depth+1)
		if err != nil {
			return nil, err
		}
		if base.class != classInt || base.bigEndian() || base.size != t.size || t.size > 8 {
			return nil, unsupported("an enumeration of datatype class %d", base.class)
		}
		return t, t.readMembers(c, version)
	default:
		return nil, unsupported("datatype class %d", t.class)
	}
	if c.short {
		return nil, corrupt("a datatype is cut off")
	}
	return t, nil
}

func (t *datatype) readMembers(c *cursor, version uint8) error {
	names := make([]string, 0, 16)
	for range t.bits & 0xffff {
		name, _, ended := bytes.Cut(c.rest(), []byte{0})
		if !ended {
			return corrupt("an enumeration is cut off")
		}
		length := len(name) + 1
		if version < 3 {
			length = (length + 7) / 8 * 8
		}
		c.skip(uint64(length))
		names = append(names, string(name))
	}
	t.members = make(map[uint64]string, len(names))
	for _, name := range names {
		t.members[unsignedOf(c.bytes(uint64(t.size)))] = name
	}
	if c.short {
		return corrupt("an enumeration is cut off")
	}
	return nil
}

// unsignedOf reads up to eight bytes, the lowest first.
func unsignedOf(p []byte) uint64 {
	var whole [8]byte
	copy(whole[:], p)
	return binary.LittleEndian.Uint64(whole[:])
}

// Kind says what a value is.
type Kind uint8

// The kinds of values.
const (
	Int Kind = iota
	Float
	Text
	Enum // Int and, unless the enumeration lacks it, its name in Text
)

// Value is the value of an attribute.
type Value struct {
	Kind  Kind
	Int   int64 // unsigned values of 64 bits wrap
	Float float64
	Text  string
}

// Attribute reads a scalar attribute by name; ok is false when there is none.
func (o *Object) Attribute(name string) (v Value, ok bool, err error) {
	for i := range o.messages {
		if o.messages[i].kind != messageAttribute {
			continue
		}
		a, err := readAttribute(&o.messages[i])
		if err != nil {
			return Value{}, false, err
		}
		if a.name == name {
			v, err := o.file.value(a)
			return v, err == nil, err
		}
	}
	if m := o.message(messageAttrInfo); m != nil {
		c := cursor{b: m.data}
		c.skip(1)
		if c.u8()&1 != 0 {
			c.skip(2)
		}
		if heap := c.u64(); !c.short && heap != undefined {
			return Value{}, false, unsupported("dense attributes (fractal heap)")
		}
	}
	return Value{}, false, nil
}

// AttributeNames lists the attributes that lie in the header.
func (o *Object) AttributeNames() []string {
	var names []string
	for i := range o.messages {
		if o.messages[i].kind == messageAttribute {
			if a, err := readAttribute(&o.messages[i]); err == nil {
				names = append(names, a.name)
			}
		}
	}
	return names
}

// attribute is an attribute message, taken apart.
type attribute struct {
	name            string
	datatype, space []byte
	data            []byte
	shared          bool
}

func readAttribute(m *message) (attribute, error) {
	c := cursor{b: m.data}
	version, flags := c.u8(), c.u8()
	nameSize, typeSize, spaceSize := uint64(c.u16()), uint64(c.u16()), uint64(c.u16())
	align := 8
	switch version {
	case 1:
	case 3:
		c.skip(1) // character set
		fallthrough
	case 2:
		align = 1
	default:
		return attribute{}, unsupported("attribute of version %d", version)
	}
	part := func(n uint64) []byte {
		p := c.bytes(n)
		c.skip(-n & uint64(align-1))
		return p
	}
	name, _, _ := bytes.Cut(part(nameSize), []byte{0})
	a := attribute{name: string(name), datatype: part(typeSize), space: part(spaceSize), shared: m.shared || version > 1 && flags&3 != 0}
	a.data = c.rest()
	if c.short {
		return attribute{}, corrupt("the attribute %q is cut off", a.name)
	}
	return a, nil
}

// value reads the one value that an attribute has.
func (f *File) value(a attribute) (Value, error) {
	if a.shared {
		return Value{}, unsupported("attribute %q of a shared datatype", a.name)
	}
	dims, err := readDataspace(a.space)
	if err != nil {
		return Value{}, err
	}
	for _, n := range dims {
		if n != 1 {
			return Value{}, unsupported("attribute %q of dimensions %d", a.name, dims)
		}
	}
	t, err := readDatatype(&cursor{b: a.datatype}, 0)
	if err != nil {
		return Value{}, err
	}
	if uint64(len(a.data)) < uint64(t.size) {
		return Value{}, corrupt("the attribute %q is cut off", a.name)
	}
	data := a.data[:t.size]
	switch t.class {
	case classString:
		return Value{Kind: Text, Text: trim(data)}, nil
	case classVlen:
		text, err := f.vlen(data)
		return Value{Kind: Text, Text: trim(text)}, err
	case classFloat:
		switch {
		case t.bigEndian() || t.size != 4 && t.size != 8:
		case t.size == 4:
			return Value{Kind: Float, Float: float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))}, nil
		default:
			return Value{Kind: Float, Float: math.Float64frombits(binary.LittleEndian.Uint64(data))}, nil
		}
	case classInt, classEnum:
		if t.class == classInt && t.bigEndian() || t.size < 1 || t.size > 8 { // the order of an enumeration is that of its base
			break
		}
		raw := unsignedOf(data)
		v := Value{Kind: Int, Int: int64(raw)}
		if t.class == classEnum {
			v.Kind, v.Text = Enum, t.members[raw]
		} else if unused := 64 - 8*t.size; t.signed() {
			v.Int = int64(raw<<unused) >> unused
		}
		return v, nil
	}
	return Value{}, unsupported("attribute %q of datatype class %d, %d bytes, flags %x", a.name, t.class, t.size, t.bits)
}

// trim cuts a text at its first NUL; texts may fill their field.
func trim(p []byte) string {
	text, _, _ := bytes.Cut(p, []byte{0})
	return string(text)
}

// readDataspace gives the dimensions; none for a scalar.
func readDataspace(data []byte) ([]uint64, error) {
	c := cursor{b: data}
	version, rank := c.u8(), c.u8()
	c.skip(1)
	switch version {
	case 1:
		c.skip(5)
	case 2:
		if kind := c.u8(); kind == 2 {
			return []uint64{0}, nil // a space without elements
		}
	default:
		return nil, unsupported("dataspace of version %d", version)
	}
	if rank > 32 {
		return nil, corrupt("%d dimensions", rank)
	}
	dims := make([]uint64, rank)
	for i := range dims {
		dims[i] = c.u64()
	}
	if c.short {
		return nil, corrupt("a dataspace is cut off")
	}
	return dims, nil
}

// keptHeaps bounds the collections that are remembered: texts of a read lie
// together.
const keptHeaps = 8

// vlen reads a text of variable length: its length, collection and number.
func (f *File) vlen(ref []byte) ([]byte, error) {
	c := cursor{b: ref}
	length, address, index := uint64(c.u32()), c.u64(), c.u32()
	if c.short {
		return nil, corrupt("a reference to a text is cut off")
	}
	if length == 0 {
		return nil, nil
	}
	heap, err := f.globalHeap(address)
	if err != nil {
		return nil, err
	}
	c = cursor{b: heap}
	for len(c.rest()) >= 16 {
		number := c.u16()
		c.skip(6)
		size := c.u64()
		if number == 0 {
			break // free space, to the end
		}
		data := c.bytes(size)
		if c.short {
			break
		}
		if uint32(number) == index {
			if length > size {
				break
			}
			return data[:length], nil
		}
		c.skip(-size & 7)
	}
	return nil, corrupt("there is no text %d in the collection at address %d", index, address)
}

// globalHeap reads a collection of texts.
func (f *File) globalHeap(address uint64) ([]byte, error) {
	f.mu.Lock()
	heap, known := f.heaps[address]
	f.mu.Unlock()
	if known {
		return heap, nil
	}
	head, err := f.read(address, 16)
	if err != nil {
		return nil, err
	}
	c := cursor{b: head}
	mark := string(c.bytes(4))
	c.skip(4)
	size := c.u64()
	if mark != "GCOL" || size < 16 || size > maxHeader {
		return nil, corrupt("no collection of texts at address %d", address)
	}
	if heap, err = f.read(address+16, size-16); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.heaps) >= keptHeaps || f.heaps == nil {
		f.heaps = make(map[uint64][]byte, keptHeaps)
	}
	f.heaps[address] = heap
	return heap, nil
}
