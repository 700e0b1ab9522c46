package hdf5

import "bytes"

// Link is an entry of a group.
type Link struct {
	Name    string
	Address uint64 // of the object
}

// Links lists the group in its stored order. Soft and external links are left out.
func (o *Object) Links() ([]Link, error) {
	if m := o.message(messageSymbols); m != nil {
		return o.symbols(m.data)
	}
	if m := o.message(messageLinkInfo); m != nil {
		c := cursor{b: m.data}
		c.skip(1)
		flags := c.u8()
		if flags&1 != 0 {
			c.skip(8)
		}
		if heap := c.u64(); c.short {
			return nil, corrupt("the link information at address %d is cut off", o.Address)
		} else if heap != undefined {
			return nil, unsupported("a group with dense links (fractal heap)")
		}
	}
	var links []Link
	for i := range o.messages {
		if o.messages[i].kind == messageLink {
			link, hard, err := readLink(o.messages[i].data)
			if err != nil {
				return nil, err
			}
			if hard {
				links = append(links, link)
			}
		}
	}
	return links, nil
}

// readLink reads a link message.
func readLink(data []byte) (link Link, hard bool, err error) {
	c := cursor{b: data}
	version, flags := c.u8(), c.u8()
	if version != 1 {
		return Link{}, false, unsupported("link message of version %d", version)
	}
	kind := uint8(0)
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8) // order of creation
	}
	if flags&16 != 0 {
		c.skip(1) // character set
	}
	link.Name = string(c.bytes(c.uint(1 << (flags & 3))))
	if kind == 0 {
		link.Address = c.u64()
	}
	if c.short {
		return Link{}, false, corrupt("a link message is cut off")
	}
	return link, kind == 0, nil
}

// Child finds an object by name; nil when the group has none of this name.
func (o *Object) Child(name string) (*Object, error) {
	links, err := o.Links()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if l.Name == name {
			return o.file.Object(l.Address)
		}
	}
	return nil, nil
}

// symbols lists a group of the old style: a B-tree of symbol nodes, whose names
// lie in a local heap.
func (o *Object) symbols(data []byte) ([]Link, error) {
	c := cursor{b: data}
	tree, heap := c.u64(), c.u64()
	if c.short {
		return nil, corrupt("the symbol table at address %d is cut off", o.Address)
	}
	names, err := o.file.localHeap(heap)
	if err != nil {
		return nil, err
	}
	var links []Link
	unused := len(names) // names do not overlap, so that they take no more than the heap
	err = o.file.walkTree(tree, 0, 8, func(_ []byte, node uint64) error {
		found, err := o.file.symbolNode(node, names, &unused)
		links = append(links, found...)
		return err
	})
	return links, err
}

// localHeap reads the names of a group.
func (f *File) localHeap(address uint64) ([]byte, error) {
	head, err := f.read(address, 32)
	if err != nil {
		return nil, err
	}
	c := cursor{b: head}
	if string(c.bytes(4)) != "HEAP" {
		return nil, corrupt("no heap of names at address %d", address)
	}
	c.skip(4)
	size := c.u64()
	c.skip(8)
	return f.read(c.u64(), size)
}

// symbolNode reads a leaf of a group, and takes its names off what is unused of
// their heap.
func (f *File) symbolNode(address uint64, names []byte, unused *int) ([]Link, error) {
	head, err := f.read(address, 8)
	if err != nil {
		return nil, err
	}
	c := cursor{b: head}
	if string(c.bytes(4)) != "SNOD" {
		return nil, corrupt("no symbols at address %d", address)
	}
	c.skip(2)
	n := uint64(c.u16())
	const entrySize = 40
	entries, err := f.read(address+8, n*entrySize)
	if err != nil {
		return nil, err
	}
	links := make([]Link, 0, n)
	c = cursor{b: entries}
	for range n {
		at, object, cache := c.u64(), c.u64(), c.u32()
		c.skip(4 + 16)
		if at >= uint64(len(names)) {
			return nil, corrupt("a name lies outside of its heap at address %d", address)
		}
		name, _, ended := bytes.Cut(names[at:], []byte{0})
		if !ended {
			return nil, corrupt("a name without end at address %d", address)
		}
		if *unused -= len(name) + 1; *unused < 0 {
			return nil, corrupt("more names than their heap holds at address %d", address)
		}
		const softLink = 2
		if cache != softLink {
			links = append(links, Link{string(name), object})
		}
	}
	return links, nil
}

// walkTree visits the leaves of a B-tree of version 1 in order, with the key
// before each. Every node and leaf may be met once, so that a tree cannot be endless.
func (f *File) walkTree(root uint64, kind uint8, keySize uint64, leaf func(key []byte, child uint64) error) error {
	met := map[uint64]bool{}
	meet := func(address uint64) error {
		if met[address] {
			return corrupt("a tree that comes back to address %d", address)
		}
		met[address] = true
		return nil
	}
	var visit func(address uint64, above int) error
	visit = func(address uint64, above int) error {
		if err := meet(address); err != nil {
			return err
		}
		head, err := f.read(address, 24)
		if err != nil {
			return err
		}
		c := cursor{b: head}
		mark, got, level, n := string(c.bytes(4)), c.u8(), c.u8(), uint64(c.u16())
		if mark != "TREE" || got != kind || int(level) >= above {
			return corrupt("no tree node at address %d", address)
		}
		body, err := f.read(address+24, n*(keySize+8))
		if err != nil {
			return err
		}
		c = cursor{b: body}
		for range n {
			key, child := c.bytes(keySize), c.u64()
			if level > 0 {
				err = visit(child, int(level))
			} else if err = meet(child); err == nil {
				err = leaf(key, child)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return visit(root, 1<<8)
}
