package hdf5

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Why something cannot be read. They are found with errors.Is.
var (
	ErrNotHDF5     = errors.New("not an HDF5 file: it does not begin with the HDF5 signature")
	ErrCorrupt     = errors.New("HDF5 contradicts itself")
	ErrUnsupported = errors.New("unsupported HDF5 feature")
)

const (
	signature = "\x89HDF\r\n\x1a\n"
	// undefined is the address of what is not there.
	undefined = 1<<64 - 1
)

// File is an HDF5 file. Its methods may be called from several goroutines.
type File struct {
	r    io.ReaderAt
	size int64
	base uint64 // what addresses count from
	said uint64 // the size that the file should have
	root uint64

	mu    sync.Mutex
	heaps map[uint64][]byte // global heap collections met lately
}

// Open reads the superblock of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size, said: uint64(max(size, 0))}
	head := make([]byte, min(max(size, 0), 128))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	c := cursor{b: head}
	if string(c.bytes(8)) != signature {
		return nil, ErrNotHDF5
	}
	version := c.u8()
	var offsets, lengths uint8
	switch version {
	case 0, 1:
		c.skip(4)
		offsets, lengths = c.u8(), c.u8()
		c.skip(1 + 2 + 2 + 4)
		if version == 1 {
			c.skip(4)
		}
		f.base = c.u64()
		c.skip(8)
		f.said = c.u64()
		c.skip(8 + 8) // driver block, name of the root
		f.root = c.u64()
	case 2, 3:
		offsets, lengths = c.u8(), c.u8()
		c.skip(1)
		f.base = c.u64()
		c.skip(8)
		f.said = c.u64()
		f.root = c.u64()
	default:
		return nil, unsupported("superblock of version %d", version)
	}
	switch {
	case c.short:
		return nil, corrupt("the superblock is cut off")
	case offsets != 8 || lengths != 8:
		return nil, unsupported("addresses of %d and lengths of %d bytes", offsets, lengths)
	case f.base != 0:
		return nil, unsupported("a base address of %d", f.base)
	}
	return f, nil
}

// Root is the root group.
func (f *File) Root() (*Object, error) { return f.Object(f.root) }

// read gets n bytes at an address.
func (f *File) read(address, n uint64) ([]byte, error) {
	if address > uint64(f.size) || n > uint64(f.size)-address {
		if f.said > uint64(f.size) {
			return nil, corrupt("cut off: the file has %d of %d bytes", f.size, f.said)
		}
		return nil, corrupt("%d bytes at address %d lie outside of the file", n, address)
	}
	p := make([]byte, n)
	if _, err := f.r.ReadAt(p, int64(address)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return p, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}
