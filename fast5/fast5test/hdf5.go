package fast5test

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// builder makes the bytes of an HDF5 file, structure after structure.
type builder struct {
	buf    []byte
	latest bool // object headers of version 2, link messages
}

var le = binary.LittleEndian

// put adds a structure and gives its address.
func (b *builder) put(p []byte) uint64 {
	b.buf = append(b.buf, make([]byte, -len(b.buf)&7)...)
	at := uint64(len(b.buf))
	b.buf = append(b.buf, p...)
	return at
}

func pad8(p []byte) []byte { return append(p, make([]byte, -len(p)&7)...) }

// message is a header message.
type message struct {
	kind uint8
	data []byte
}

// object puts a header. A header of version 2 carries a checksum, which is left 0:
// it is not looked at here, but by the HDF5 library.
func (b *builder) object(messages ...message) uint64 {
	var body []byte
	if b.latest {
		for _, m := range messages {
			body = append(append(le.AppendUint16(append(body, m.kind), uint16(len(m.data))), 0), m.data...)
		}
		head := le.AppendUint32([]byte("OHDR\x02\x02"), uint32(len(body)))
		return b.put(append(append(head, body...), 0, 0, 0, 0))
	}
	for _, m := range messages {
		data := pad8(slices.Clone(m.data))
		body = append(le.AppendUint16(le.AppendUint16(body, uint16(m.kind)), uint16(len(data))), 0, 0, 0, 0)
		body = append(body, data...)
		_ = data
	}
	head := le.AppendUint16([]byte{1, 0}, uint16(len(messages)))
	head = le.AppendUint32(le.AppendUint32(le.AppendUint32(head, 1), uint32(len(body))), 0)
	return b.put(append(head, body...))
}

// link is an entry of a group.
type link struct {
	name    string
	address uint64
}

// Sizes of the nodes of groups and chunk indexes, as the superblock announces them.
const (
	leafEntries  = 8  // 2 · 4
	treeChildren = 32 // 2 · 16
	treeChunks   = 64 // 2 · 32
)

// group puts a group with attributes. It holds at most 256 links.
func (b *builder) group(links []link, attributes ...message) uint64 {
	slices.SortFunc(links, func(a, c link) int { return cmp.Compare(a.name, c.name) })
	if b.latest {
		messages := []message{{0x02, append([]byte{0, 0}, slices.Repeat([]byte{0xff}, 16)...)}}
		for _, l := range links {
			data := append([]byte{1, 0, uint8(len(l.name))}, l.name...)
			messages = append(messages, message{0x06, le.AppendUint64(data, l.address)})
		}
		return b.object(append(messages, attributes...)...)
	}
	names := make([]byte, 8)
	var children, keys []uint64
	keys = append(keys, 0)
	for part := range slices.Chunk(links, leafEntries) {
		node := le.AppendUint16([]byte("SNOD\x01\x00"), uint16(len(part)))
		last := 0
		for _, l := range part {
			last = len(names)
			names = pad8(append(append(names, l.name...), 0))
			node = le.AppendUint64(le.AppendUint64(node, uint64(last)), l.address)
			node = append(node, make([]byte, 24)...)
		}
		node = append(node, make([]byte, 8+40*leafEntries-len(node))...)
		children, keys = append(children, b.put(node)), append(keys, uint64(last))
	}
	data := b.put(names)
	heap := le.AppendUint64(append([]byte("HEAP"), 0, 0, 0, 0), uint64(len(names)))
	heapAt := b.put(le.AppendUint64(le.AppendUint64(heap, 1), data))
	tree := le.AppendUint16([]byte("TREE\x00\x00"), uint16(len(children)))
	tree = le.AppendUint64(le.AppendUint64(tree, math.MaxUint64), math.MaxUint64)
	for i, child := range children {
		tree = le.AppendUint64(le.AppendUint64(tree, keys[i]), child)
	}
	tree = le.AppendUint64(tree, keys[len(children)])
	tree = append(tree, make([]byte, 24+8*(2*treeChildren+1)-len(tree))...)
	symbols := le.AppendUint64(le.AppendUint64(nil, b.put(tree)), heapAt)
	return b.object(append([]message{{0x11, symbols}}, attributes...)...)
}

// Datatypes.

func intType(size int, signed bool) []byte {
	t := []byte{0x10, 0, 0, 0}
	if signed {
		t[1] = 8
	}
	t = le.AppendUint32(t, uint32(size))
	return le.AppendUint16(le.AppendUint16(t, 0), uint16(8*size))
}

func floatType() []byte {
	t := le.AppendUint32([]byte{0x11, 0x20, 0x3f, 0}, 8)
	return le.AppendUint32(append(le.AppendUint16(le.AppendUint16(t, 0), 64), 52, 11, 0, 52), 1023)
}

// stringType pads with NUL when nullPadded, else ends with one.
func stringType(size int, nullPadded bool) []byte {
	t := []byte{0x13, 0, 0, 0}
	if nullPadded {
		t[1] = 1
	}
	return le.AppendUint32(t, uint32(size))
}

func vlenType() []byte {
	return append(le.AppendUint32([]byte{0x19, 1, 0, 0}, 16), stringType(1, false)...)
}

// enumType names the values from 0 on.
func enumType(names []string) []byte {
	t := append(le.AppendUint32([]byte{0x18, uint8(len(names)), 0, 0}, 1), intType(1, false)...)
	for _, n := range names {
		t = append(t, pad8(append([]byte(n), 0))...)
	}
	for i := range names {
		t = append(t, uint8(i))
	}
	return t
}

// attribute makes a message of a scalar.
func attribute(name string, datatype, value []byte) message {
	space := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	data := le.AppendUint16([]byte{1, 0}, uint16(len(name)+1))
	data = le.AppendUint16(le.AppendUint16(data, uint16(len(datatype))), uint16(len(space)))
	data = append(data, pad8(append([]byte(name), 0))...)
	data = append(append(data, pad8(slices.Clone(datatype))...), space...)
	return message{0x0c, append(data, value...)}
}

func intAttribute(name string, size int, signed bool, v int64) message {
	return attribute(name, intType(size, signed), le.AppendUint64(nil, uint64(v))[:size])
}

func floatAttribute(name string, v float64) message {
	return attribute(name, floatType(), le.AppendUint64(nil, math.Float64bits(v)))
}

// filter is a step of a dataset's pipeline.
type filter struct {
	id         uint16
	parameters []uint32
}

// dataset puts int16 that are stored as they are when chunkLen is 0, else in
// chunks, each packed already.
func (b *builder) dataset(n, chunkLen int, filters []filter, chunks [][]byte) uint64 {
	space := le.AppendUint64([]byte{1, 1, 0, 0, 0, 0, 0, 0}, uint64(n))
	messages := []message{{0x01, space}, {0x03, intType(2, true)}, {0x05, []byte{2, 2, 2, 0}}}
	if chunkLen == 0 {
		layout := le.AppendUint64([]byte{3, 1}, b.put(chunks[0]))
		return b.object(append(messages, message{0x08, le.AppendUint64(layout, uint64(len(chunks[0])))})...)
	}
	tree := le.AppendUint16([]byte("TREE\x01\x00"), uint16(len(chunks)))
	tree = le.AppendUint64(le.AppendUint64(tree, math.MaxUint64), math.MaxUint64)
	for i, c := range chunks {
		tree = le.AppendUint32(le.AppendUint32(tree, uint32(len(c))), 0)
		tree = le.AppendUint64(le.AppendUint64(tree, uint64(i*chunkLen)), 0)
		tree = le.AppendUint64(tree, b.put(c))
	}
	tree = le.AppendUint64(tree, 0)
	tree = le.AppendUint64(le.AppendUint64(tree, uint64(len(chunks)*chunkLen)), 0)
	tree = append(tree, make([]byte, 24+24*(treeChunks+1)+8*treeChunks-len(tree))...)
	layout := le.AppendUint64([]byte{3, 2, 2}, b.put(tree))
	layout = le.AppendUint32(le.AppendUint32(layout, uint32(chunkLen)), 2)
	if len(filters) > 0 {
		pipeline := []byte{1, uint8(len(filters)), 0, 0, 0, 0, 0, 0}
		for _, f := range filters {
			pipeline = le.AppendUint16(le.AppendUint16(pipeline, f.id), 0)
			pipeline = le.AppendUint16(le.AppendUint16(pipeline, 1), uint16(len(f.parameters)))
			for _, p := range f.parameters {
				pipeline = le.AppendUint32(pipeline, p)
			}
			if len(f.parameters)%2 == 1 {
				pipeline = append(pipeline, 0, 0, 0, 0)
			}
		}
		messages = append(messages, message{0x0b, pipeline})
	}
	return b.object(append(messages, message{0x08, layout})...)
}

// collection puts texts of variable length and gives a reference to each.
func (b *builder) collection(texts []string) [][]byte {
	const size = 4096 // the least that the HDF5 library makes
	heap := le.AppendUint64([]byte("GCOL\x01\x00\x00\x00"), size)
	for i, t := range texts {
		heap = le.AppendUint64(append(le.AppendUint16(heap, uint16(i+1)), 1, 0, 0, 0, 0, 0), uint64(len(t)))
		heap = pad8(append(heap, t...))
	}
	heap = le.AppendUint64(append(heap, make([]byte, 8)...), uint64(size-len(heap))) // what is free
	at := b.put(append(heap, make([]byte, size-len(heap))...))
	refs := make([][]byte, len(texts))
	for i, t := range texts {
		refs[i] = le.AppendUint32(le.AppendUint64(le.AppendUint32(nil, uint32(len(t))), at), uint32(i+1))
	}
	return refs
}

// superblockSize is that of both versions.
const superblockSize = 96

// finish writes the superblock.
func (b *builder) finish(root uint64) []byte {
	head := []byte("\x89HDF\r\n\x1a\n")
	if b.latest {
		head = append(head, 2, 8, 8, 0)
		head = le.AppendUint64(le.AppendUint64(head, 0), math.MaxUint64)
		head = le.AppendUint64(le.AppendUint64(head, uint64(len(b.buf))), root)
	} else {
		head = append(head, 0, 0, 0, 0, 0, 8, 8, 0)
		head = le.AppendUint32(le.AppendUint16(le.AppendUint16(head, leafEntries/2), treeChildren/2), 0)
		head = le.AppendUint64(le.AppendUint64(head, 0), math.MaxUint64)
		head = le.AppendUint64(le.AppendUint64(head, uint64(len(b.buf))), math.MaxUint64)
		head = le.AppendUint64(le.AppendUint64(head, 0), root)
	}
	copy(b.buf, head)
	return b.buf
}
