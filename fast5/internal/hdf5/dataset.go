package hdf5

import (
	"cmp"
	"slices"
)

// Dataset is a list of int16, stored as it is or in chunks.
type Dataset struct {
	file *File
	// Len is the number of values.
	Len uint64
	// Filters were applied to each chunk, in this order.
	Filters []Filter
	// ChunkLen is the number of values that a chunk is made for; the last one may
	// hold fewer.
	ChunkLen uint64
	// Chunks are in the order of their values and cover all of them.
	Chunks []Chunk
}

// Filter is a step of the way into the file.
type Filter struct {
	ID         uint16
	Parameters []uint32
}

// Chunk is a stored stretch of values.
type Chunk struct {
	First   uint64 // value
	Address uint64
	Size    uint64 // stored bytes
	Skipped uint32 // bit i: filter i was not applied
	inline  []byte // of a compact dataset, within its header
}

// The filters that HDF5 itself defines.
const (
	FilterDeflate = 1
	FilterShuffle = 2
)

// pieceLen cuts datasets without chunks.
const pieceLen = 102_400

// Dataset describes the data of an object: one dimension of little-endian int16.
func (o *Object) Dataset() (*Dataset, error) {
	space, kind, layout := o.message(messageDataspace), o.message(messageDatatype), o.message(messageLayout)
	if space == nil || kind == nil || layout == nil {
		return nil, corrupt("the object at address %d is no dataset", o.Address)
	}
	if o.message(messageExternal) != nil {
		return nil, unsupported("data in another file")
	}
	if space.shared || kind.shared || layout.shared {
		return nil, unsupported("a dataset that shares its description")
	}
	dims, err := readDataspace(space.data)
	if err != nil {
		return nil, err
	}
	if len(dims) != 1 {
		return nil, unsupported("data of %d dimensions", len(dims))
	}
	t, err := readDatatype(&cursor{b: kind.data}, 0)
	if err != nil {
		return nil, err
	}
	if t.class != classInt || t.size != 2 || t.bigEndian() || !t.signed() {
		return nil, unsupported("samples of datatype class %d, %d bytes, flags %x", t.class, t.size, t.bits)
	}
	d := &Dataset{file: o.file, Len: dims[0]}
	if m := o.message(messageFilters); m != nil {
		if m.shared {
			return nil, unsupported("shared filters")
		}
		if d.Filters, err = readFilters(m.data); err != nil {
			return nil, err
		}
	}
	if err := d.readLayout(layout.data); err != nil {
		return nil, err
	}
	return d, d.checkChunks()
}

// readFilters reads the pipeline of filters.
func readFilters(data []byte) ([]Filter, error) {
	c := cursor{b: data}
	version, n := c.u8(), c.u8()
	switch {
	case version == 1:
		c.skip(6)
	case version != 2:
		return nil, unsupported("filters of version %d", version)
	}
	filters := make([]Filter, 0, n)
	for range n {
		f := Filter{ID: c.u16()}
		name := uint64(0)
		if version == 1 || f.ID >= 256 {
			name = uint64(c.u16())
		}
		c.skip(2)
		count := c.u16()
		c.skip(name)
		for range count {
			if c.short {
				break
			}
			f.Parameters = append(f.Parameters, c.u32())
		}
		if version == 1 && count%2 == 1 {
			c.skip(4)
		}
		filters = append(filters, f)
	}
	if c.short {
		return nil, corrupt("the list of filters is cut off")
	}
	return filters, nil
}

// The ways in which data are laid out.
const (
	layoutCompact = iota
	layoutContiguous
	layoutChunked
)

func (d *Dataset) readLayout(data []byte) error {
	c := cursor{b: data}
	version := c.u8()
	switch version {
	case 1, 2:
		return d.layoutV1(&c)
	case 3, 4:
	default:
		return unsupported("data layout of version %d", version)
	}
	class := c.u8()
	switch class {
	case layoutCompact:
		return d.compact(&c, uint64(c.u16()))
	case layoutContiguous:
		address := c.u64()
		c.skip(8)
		return d.contiguous(&c, address)
	case layoutChunked:
		if version == 4 {
			return d.layoutV4(&c)
		}
		rank, tree := c.u8(), c.u64()
		return d.chunked(&c, rank, tree)
	}
	return unsupported("data layout class %d", class)
}

// layoutV1 reads the layout of versions 1 and 2.
func (d *Dataset) layoutV1(c *cursor) error {
	rank, class := c.u8(), c.u8()
	c.skip(5)
	address := uint64(undefined)
	if class != layoutCompact {
		address = c.u64()
	}
	switch class {
	case layoutCompact:
		c.skip(4 * uint64(rank))
		return d.compact(c, uint64(c.u32()))
	case layoutContiguous:
		return d.contiguous(c, address)
	case layoutChunked:
		return d.chunked(c, rank, address)
	}
	return unsupported("data layout class %d", class)
}

// layoutV4 reads the chunked layout of version 4, as far as its index is none.
func (d *Dataset) layoutV4(c *cursor) error {
	flags, rank, width := c.u8(), c.u8(), uint64(c.u8())
	if rank != 2 || width > 8 || width&(width-1) != 0 || width == 0 {
		return unsupported("chunks of %d dimensions, %d bytes each", rank, width)
	}
	length, element := c.uint(width), c.uint(width)
	if err := d.setChunkLen(length, element); err != nil {
		return err
	}
	const singleChunk, implicit = 1, 2
	switch index := c.u8(); {
	case c.short:
		return corrupt("a data layout is cut off")
	case index == singleChunk:
		size, skipped := 2*d.ChunkLen, uint32(0)
		if flags&2 != 0 {
			size, skipped = c.u64(), c.u32()
		}
		if address := c.u64(); address != undefined {
			d.Chunks = []Chunk{{Address: address, Size: size, Skipped: skipped}}
		}
	case index == implicit:
		address := c.u64()
		if n := (d.Len + d.ChunkLen - 1) / d.ChunkLen; n > uint64(d.file.size)/(2*d.ChunkLen) {
			return corrupt("%d chunks in a file of %d bytes", n, d.file.size)
		}
		for first := uint64(0); first < d.Len; first += d.ChunkLen {
			d.Chunks = append(d.Chunks, Chunk{First: first, Address: address + 2*first, Size: 2 * d.ChunkLen})
		}
	default:
		return unsupported("chunk index %d", index)
	}
	if c.short {
		return corrupt("a data layout is cut off")
	}
	return nil
}

func (d *Dataset) compact(c *cursor, size uint64) error {
	data := c.bytes(size)
	if c.short || size/2 < d.Len {
		return corrupt("%d values in a header with %d bytes of data", d.Len, size)
	}
	d.ChunkLen = d.Len
	if d.Len > 0 {
		d.Chunks = []Chunk{{Size: 2 * d.Len, inline: data}}
	}
	return nil
}

// contiguous cuts data that lie in one stretch into pieces.
func (d *Dataset) contiguous(c *cursor, address uint64) error {
	if c.short {
		return corrupt("a data layout is cut off")
	}
	if d.Len > 0 && (address >= uint64(d.file.size) || d.Len > (uint64(d.file.size)-address)/2) {
		return corrupt("%d values at address %d lie outside of the file", d.Len, address)
	}
	d.ChunkLen = pieceLen
	for first := uint64(0); first < d.Len; first += pieceLen {
		d.Chunks = append(d.Chunks, Chunk{First: first, Address: address + 2*first, Size: 2 * min(pieceLen, d.Len-first)})
	}
	return nil
}

// chunked lists chunks that a B-tree finds.
func (d *Dataset) chunked(c *cursor, rank uint8, tree uint64) error {
	length, element := c.u32(), c.u32()
	if c.short || rank != 2 {
		return unsupported("chunks of %d dimensions", rank)
	}
	if err := d.setChunkLen(uint64(length), uint64(element)); err != nil {
		return err
	}
	if tree == undefined {
		return nil
	}
	const keySize = 4 + 4 + 2*8
	return d.file.walkTree(tree, 1, keySize, func(key []byte, address uint64) error {
		k := cursor{b: key}
		size, skipped, first := uint64(k.u32()), k.u32(), k.u64()
		d.Chunks = append(d.Chunks, Chunk{First: first, Address: address, Size: size, Skipped: skipped})
		return nil
	})
}

func (d *Dataset) setChunkLen(length, element uint64) error {
	if length == 0 || length > 1<<32 || element != 2 {
		return corrupt("chunks of %d values of %d bytes", length, element)
	}
	d.ChunkLen = length
	return nil
}

// checkChunks wants each value once: nothing is made up for a chunk that is not
// there.
func (d *Dataset) checkChunks() error {
	slices.SortFunc(d.Chunks, func(a, b Chunk) int { return cmp.Compare(a.First, b.First) })
	next := uint64(0)
	for _, c := range d.Chunks {
		if c.First != next || next >= d.Len {
			return corrupt("a chunk begins at value %d where %d of %d is next", c.First, next, d.Len)
		}
		next += d.ChunkLen
	}
	if next < d.Len {
		return corrupt("the values from %d on are in no chunk", next)
	}
	return nil
}

// Values is the number of values in chunk i.
func (d *Dataset) Values(i int) uint64 { return min(d.ChunkLen, d.Len-d.Chunks[i].First) }

// Read gets the stored bytes of chunk i.
func (d *Dataset) Read(i int) ([]byte, error) {
	c := d.Chunks[i]
	if c.inline != nil {
		return c.inline, nil
	}
	return d.file.read(c.Address, c.Size)
}
