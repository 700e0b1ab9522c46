package arrowipc

import (
	"errors"
	"fmt"

	"github.com/porevec/porevec/pod5/internal/flatbuf"
)

// The errors that tell what kind of trouble a table is in.
var (
	ErrCorrupt     = errors.New("damaged Arrow data")
	ErrUnsupported = errors.New("unsupported Arrow feature")
)

// Kind is the physical kind of a column.
type Kind uint8

// The kinds. Other holds every type that we cannot load but can step over.
const (
	Other Kind = iota
	Int
	Float
	Bool
	Utf8        // also Binary
	LargeBinary // also LargeUtf8
	FixedBinary
	List
	LargeList
	Struct
	Map
	Timestamp // int64; the unit is in Field.Unit
)

// Type numbers of the Arrow format (Schema.fbs, union Type).
const (
	typeNull            = 1
	typeInt             = 2
	typeFloatingPoint   = 3
	typeBinary          = 4
	typeUtf8            = 5
	typeBool            = 6
	typeDecimal         = 7
	typeDate            = 8
	typeTime            = 9
	typeTimestamp       = 10
	typeInterval        = 11
	typeList            = 12
	typeStruct          = 13
	typeFixedSizeBinary = 15
	typeFixedSizeList   = 16
	typeMap             = 17
	typeDuration        = 18
	typeLargeBinary     = 19
	typeLargeUtf8       = 20
	typeLargeList       = 21
)

// TimeUnit counts what a timestamp counts.
type TimeUnit int16

// The units, in the order of the format.
const (
	Seconds TimeUnit = iota
	Milliseconds
	Microseconds
	Nanoseconds
)

// Field describes a column, or a part of one.
type Field struct {
	Name     string
	Kind     Kind
	Width    int      // bytes per value: Int, Float, FixedBinary, Timestamp, and the indices of a dictionary
	Signed   bool     // Int
	Unit     TimeUnit // Timestamp, in UTC
	NotNull  bool     // declared to have no nulls
	Children []*Field
	// Extension is the name of the extension type, or "".
	Extension string
	// Dictionary describes the values when the column holds indices into a
	// dictionary; Kind, Width and Signed are then those of the indices.
	Dictionary *Field
	// DictionaryID finds the dictionary's batches.
	DictionaryID int64

	buffers     int // of its own, without the children's
	node        int // its place in a batch's list of nodes
	firstBuffer int // its place in a batch's list of buffers
}

// Child finds a child by name; nil when there is none.
func (f *Field) Child(name string) *Field {
	for _, c := range f.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// String names the type for messages.
func (f *Field) String() string {
	if f.Extension != "" {
		return f.Extension
	}
	if f.Dictionary != nil {
		return "dictionary of " + f.Dictionary.String()
	}
	switch f.Kind {
	case Int:
		if f.Signed {
			return fmt.Sprintf("int%d", 8*f.Width)
		}
		return fmt.Sprintf("uint%d", 8*f.Width)
	case Float:
		return fmt.Sprintf("float%d", 8*f.Width)
	case Bool:
		return "bool"
	case Utf8:
		return "utf8"
	case LargeBinary:
		return "large_binary"
	case FixedBinary:
		return fmt.Sprintf("fixed_size_binary[%d]", f.Width)
	case List:
		return "list" + f.of()
	case LargeList:
		return "large_list" + f.of()
	case Struct:
		return "struct"
	case Map:
		return "map"
	case Timestamp:
		return "timestamp"
	default:
		return "another type"
	}
}

func (f *Field) of() string {
	if len(f.Children) != 1 {
		return ""
	}
	return " of " + f.Children[0].String()
}

// Limits of a schema. POD5's largest, v0's reads table, has 50 fields 5 deep.
const (
	maxFields = 512
	maxDepth  = 16
)

// schemaReader builds fields from a schema message and numbers their buffers.
type schemaReader struct {
	fields        int
	nodes, buffer int
}

// readSchema reads the top-level fields and their dictionaries.
func readSchema(t flatbuf.Table) (*Field, error) {
	if t.Int16(0) != 0 {
		return nil, fmt.Errorf("%w: big-endian table", ErrUnsupported)
	}
	var r schemaReader
	root := &Field{Kind: Struct}
	fields := t.Vector(1, 4)
	for i := range fields.Len() {
		f, err := r.field(fields.Table(i), 0)
		if err != nil {
			return nil, err
		}
		root.Children = append(root.Children, f)
	}
	return root, nil
}

// field reads one field with its children, depth first, which is also the order
// of nodes and buffers in a batch.
func (r *schemaReader) field(t flatbuf.Table, depth int) (*Field, error) {
	if r.fields++; r.fields > maxFields || depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d fields, or nested deeper than %d", ErrCorrupt, maxFields, maxDepth)
	}
	f := &Field{Name: t.String(0), NotNull: !t.Bool(1), node: r.nodes, firstBuffer: r.buffer}
	if dict := t.Table(4); t.Has(4) {
		// Only the indices are in the batches; the values count on their own.
		index := &Field{Kind: Int, Width: 4, Signed: true, buffers: 2}
		if dict.Has(1) {
			if err := index.setInt(dict.Table(1)); err != nil {
				return nil, err
			}
		}
		f.Kind, f.Width, f.Signed, f.buffers = index.Kind, index.Width, index.Signed, index.buffers
		r.nodes++
		r.buffer += f.buffers
		values := schemaReader{fields: r.fields}
		value := &Field{Name: f.Name}
		if err := values.typed(value, t, depth); err != nil {
			return nil, err
		}
		r.fields = values.fields
		f.Dictionary, f.DictionaryID = value, dict.Int64(0)
		return f, nil
	}
	return f, r.typed(f, t, depth)
}

// typed reads type, extension and children into f.
func (r *schemaReader) typed(f *Field, t flatbuf.Table, depth int) error {
	if err := f.setType(t.Uint8(2), t.Table(3)); err != nil {
		return err
	}
	r.nodes++
	r.buffer += f.buffers
	metadata := t.Vector(6, 4)
	for i := range metadata.Len() {
		if kv := metadata.Table(i); kv.String(0) == "ARROW:extension:name" {
			f.Extension = kv.String(1)
			break
		}
	}
	children := t.Vector(5, 4)
	for i := range children.Len() {
		c, err := r.field(children.Table(i), depth+1)
		if err != nil {
			return err
		}
		f.Children = append(f.Children, c)
	}
	if (f.Kind == List || f.Kind == LargeList || f.Kind == Map) && len(f.Children) != 1 {
		return fmt.Errorf("%w: column %q is a list of %d types", ErrCorrupt, f.Name, len(f.Children))
	}
	return nil
}

// setType fills kind, width and number of buffers.
func (f *Field) setType(number uint8, t flatbuf.Table) error {
	f.buffers = 2
	switch number {
	case typeNull:
		f.buffers = 0
	case typeInt:
		return f.setInt(t)
	case typeFloatingPoint:
		f.Kind, f.Width = Float, 2<<uint(t.Int16(0)&3)
		if t.Int16(0) < 0 || t.Int16(0) > 2 {
			return fmt.Errorf("%w: float of precision %d", ErrCorrupt, t.Int16(0))
		}
	case typeBool:
		f.Kind = Bool
	case typeUtf8, typeBinary:
		f.Kind, f.buffers = Utf8, 3
	case typeLargeBinary, typeLargeUtf8:
		f.Kind, f.buffers = LargeBinary, 3
	case typeFixedSizeBinary:
		f.Kind, f.Width = FixedBinary, int(t.Int32(0))
		if f.Width <= 0 || f.Width > 1<<16 {
			return fmt.Errorf("%w: column %q has values of %d bytes", ErrCorrupt, f.Name, f.Width)
		}
	case typeList:
		f.Kind = List
	case typeLargeList:
		f.Kind = LargeList
	case typeMap:
		f.Kind = Map
	case typeStruct:
		f.Kind, f.buffers = Struct, 1
	case typeFixedSizeList:
		f.buffers = 1
	case typeTimestamp:
		f.Kind, f.Width, f.Signed, f.Unit = Timestamp, 8, true, TimeUnit(t.Int16(0))
		if f.Unit < Seconds || f.Unit > Nanoseconds {
			return fmt.Errorf("%w: unknown unit of time %d", ErrCorrupt, f.Unit)
		}
	case typeDecimal, typeDate, typeTime, typeInterval, typeDuration:
		// Two buffers to step over.
	default:
		// How many buffers to step over is not known, so no later column can be found.
		return fmt.Errorf("%w: column %q has type number %d", ErrUnsupported, f.Name, number)
	}
	return nil
}

func (f *Field) setInt(t flatbuf.Table) error {
	bits := t.Int32(0)
	switch bits {
	case 8, 16, 32, 64:
	default:
		return fmt.Errorf("%w: integers of %d bits", ErrCorrupt, bits)
	}
	f.Kind, f.Width, f.Signed, f.buffers = Int, int(bits/8), t.Bool(1), 2
	return nil
}
