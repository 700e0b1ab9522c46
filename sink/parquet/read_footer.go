package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// footer is what the end of a file tells of it.
type footer struct {
	size     int64 // of the file, without the footer
	leaves   []leaf
	groups   []readGroup
	metadata map[string]string
}

// leaf is a column that holds values; only columns of the top and lists are of
// interest.
type leaf struct {
	name                   string // of the column of the top
	physical, width        int64
	float16                bool
	repetition, definition int // highest levels
}

// readGroup is a row group.
type readGroup struct {
	rows   int64
	chunks []extent // one per leaf
}

// extent says where the pages of a column in a row group are.
type extent struct {
	codec, start, size int64
}

// element is an entry of the schema.
type element struct {
	leaf
	repeat, children int64
}

func readFooter(in io.ReaderAt, size int64) (*footer, error) {
	var head, tail [8]byte // magic; the footer's length and magic
	if size < 12 {
		return nil, errors.New("it is no Parquet file")
	}
	if _, err := in.ReadAt(head[:4], 0); err != nil {
		return nil, err
	}
	if string(head[:4]) != magic {
		return nil, errors.New("it is no Parquet file")
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	if string(tail[4:]) != magic {
		return nil, errors.New("it is cut off: the end of a Parquet file is missing")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-12 {
		return nil, fmt.Errorf("its metadata of %d bytes are larger than the file", n)
	}
	b := make([]byte, n)
	if _, err := in.ReadAt(b, size-8-n); err != nil {
		return nil, err
	}
	f := &footer{size: size - 8 - n, metadata: map[string]string{}}
	t := &thriftReader{b: b}
	var elements []element
	t.record(func(at field) bool {
		switch at {
		case field{2, typeList}:
			t.records(func() { elements = append(elements, readElement(t)) })
		case field{4, typeList}:
			t.records(func() { f.groups = append(f.groups, readRowGroup(t)) })
		case field{5, typeList}:
			t.records(func() { f.readKeyValue(t) })
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return nil, t.err
	}
	if err := f.plant(elements); err != nil {
		return nil, err
	}
	return f, f.check()
}

func readElement(t *thriftReader) (e element) {
	t.record(func(at field) bool {
		switch at {
		case field{1, typeI32}:
			e.physical = t.integer()
		case field{2, typeI32}:
			e.width = t.integer()
		case field{3, typeI32}:
			e.repeat = t.integer()
		case field{4, typeBinary}:
			e.name = t.text()
		case field{5, typeI32}:
			e.children = t.integer()
		case field{10, typeStruct}:
			t.record(func(at field) bool {
				e.float16 = e.float16 || at.number == logicalFloat16
				return false
			})
		default:
			return false
		}
		return true
	})
	return e
}

func readRowGroup(t *thriftReader) (g readGroup) {
	t.record(func(at field) bool {
		switch at {
		case field{1, typeList}:
			t.records(func() { g.chunks = append(g.chunks, readChunk(t)) })
		case field{3, typeI64}:
			g.rows = t.integer()
		default:
			return false
		}
		return true
	})
	return g
}

func readChunk(t *thriftReader) (e extent) {
	var dictionary int64
	t.record(func(at field) bool {
		if at != (field{3, typeStruct}) {
			return false
		}
		t.record(func(at field) bool {
			switch at {
			case field{4, typeI32}:
				e.codec = t.integer()
			case field{7, typeI64}:
				e.size = t.integer()
			case field{9, typeI64}:
				e.start = t.integer()
			case field{11, typeI64}:
				dictionary = t.integer()
			default:
				return false
			}
			return true
		})
		return true
	})
	if dictionary > 0 {
		e.start = min(e.start, dictionary)
	}
	return e
}

func (f *footer) readKeyValue(t *thriftReader) {
	var key, value string
	t.record(func(at field) bool {
		switch at {
		case field{1, typeBinary}:
			key = t.text()
		case field{2, typeBinary}:
			value = t.text()
		default:
			return false
		}
		return true
	})
	f.metadata[key] = value
}

// plant finds the leaves of the schema's tree, which lists parents before their
// children.
func (f *footer) plant(elements []element) error {
	open := []element{{}} // ancestors; their children are those still to come
	for i, e := range elements {
		if i > 0 { // the root has neither name nor levels
			for len(open) > 1 && open[len(open)-1].children == 0 {
				open = open[:len(open)-1]
			}
			parent := &open[len(open)-1]
			parent.children--
			if len(open) > 2 {
				e.name = parent.name
			}
			e.repetition, e.definition = parent.repetition, parent.definition
			if e.repeat != required {
				e.definition++
			}
			if e.repeat == repeated {
				e.repetition++
			}
		}
		if e.children > 0 || i == 0 {
			open = append(open, e)
		} else {
			f.leaves = append(f.leaves, e.leaf)
		}
		if len(open) > maxDepth {
			return errThrift
		}
	}
	return nil
}

// check compares what the parts of the footer say with each other and with the
// size of the file.
func (f *footer) check() error {
	for _, g := range f.groups {
		if g.rows < 0 || len(g.chunks) != len(f.leaves) {
			return fmt.Errorf("a row group has %d rows and %d columns, the file has %d", g.rows, len(g.chunks), len(f.leaves))
		}
		for _, e := range g.chunks {
			if e.start < 0 || e.size < 0 || e.start > f.size || e.size > f.size-e.start {
				return fmt.Errorf("%d bytes at %d are announced in %d", e.size, e.start, f.size)
			}
		}
	}
	return nil
}
