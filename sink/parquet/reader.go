package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// Reader reads a file that a [Writer] wrote, or another program since: columns are
// found by name, pages may have any compression but Brotli and LZO and the usual
// encodings. A damaged file asks for no more memory than its size justifies.
type Reader struct {
	in       io.ReaderAt
	file     *footer
	recipe   *signal.Recipe
	inflater *inflater
	limit    int64 // bytes that the file may expand to

	group   int                      // the next row group
	left    int64                    // rows in the one under way
	columns map[string]*columnReader // of it
	rows    wire.Rows                // taken and not yet given
}

// NewReader reads the file of some size in bytes.
func NewReader(in io.ReaderAt, size int64) (*Reader, error) {
	f, err := readFooter(in, size)
	if err != nil {
		return nil, err
	}
	recipe, err := wire.ReadRecipe(func(key string) string { return f.metadata[key] })
	if err != nil {
		return nil, err
	}
	r := &Reader{in: in, file: f, recipe: recipe, limit: wire.Inflated(size)}
	if err := r.checkColumns(); err != nil {
		return nil, err
	}
	perRow := int64(wire.RowBytes(recipe))
	for _, g := range f.groups {
		if g.rows > r.limit/perRow {
			return nil, fmt.Errorf("%d rows of %d bytes are announced in a file of %d", g.rows, perRow, size)
		}
	}
	r.inflater, err = newInflater()
	return r, err
}

// checkColumns sets the recipe's type, too.
func (r *Reader) checkColumns() error {
	for _, want := range wire.FileSchema(r.recipe, wire.FileInfo{}).Fields() {
		var found []leaf
		for _, l := range r.file.leaves {
			if l.name == want.Name {
				found = append(found, l)
			}
		}
		if len(found) == 0 && want.Name == "sample_rate" {
			continue
		}
		if len(found) != 1 {
			return fmt.Errorf("%d columns are called %s", len(found), want.Name)
		}
		if !r.fits(want.Name, found[0]) {
			return fmt.Errorf("column %s has another type than %s", want.Name, want.Type)
		}
	}
	return nil
}

func (r *Reader) fits(name string, l leaf) bool {
	switch name {
	case "run":
		return l.physical == physicalBytes && l.repetition == 0
	case "read_id":
		return (l.physical == physicalBytes || l.physical == physicalFixed && l.width == 16) && l.repetition == 0
	case "embedding":
		switch {
		case l.physical == physicalFloat:
			r.recipe.DType = wire.Float32
		case l.physical == physicalFixed && l.width == 2 && l.float16:
			r.recipe.DType = wire.Float16
		}
		return r.recipe.DType != "" && l.repetition == 1
	}
	return (l.physical == physicalInt32 || l.physical == physicalInt64) && l.repetition == 0
}

// Next gives rows of one run; io.EOF after the last.
func (r *Reader) Next() (*wire.Batch, error) {
	for {
		if b := r.rows.Next(); b != nil {
			return b, nil
		}
		for r.left == 0 {
			if err := r.nextGroup(); err != nil {
				return nil, err
			}
		}
		n := int(min(int64(wire.RowsAtOnce(r.recipe.Dim)), r.left))
		r.left -= int64(n)
		if err := r.take(n); err != nil {
			return nil, err
		}
	}
}

// nextGroup begins the next row group; io.EOF after the last.
func (r *Reader) nextGroup() error {
	for name, c := range r.columns {
		if _, _, err := c.next(); err != io.EOF {
			return fmt.Errorf("column %s has more values than its row group", name)
		}
	}
	if r.group == len(r.file.groups) {
		r.columns = nil
		return io.EOF
	}
	g := r.file.groups[r.group]
	r.group, r.left = r.group+1, g.rows
	r.columns = map[string]*columnReader{}
	for _, f := range wire.FileSchema(r.recipe, wire.FileInfo{}).Fields() {
		i := slices.IndexFunc(r.file.leaves, func(l leaf) bool { return l.name == f.Name })
		if i >= 0 {
			r.columns[f.Name] = newColumnReader(r.in, r.file.leaves[i], g.chunks[i], r.limit, r.inflater)
		}
	}
	return nil
}

// take reads n rows of the row group.
func (r *Reader) take(n int) error {
	rows := wire.Rows{}
	rows.Recipe = r.recipe
	for _, column := range []struct {
		name string
		read func(c *columnReader) error
	}{
		{"run", func(c *columnReader) (err error) { rows.Runs, err = texts(c, n); return err }},
		{"sample_rate", func(c *columnReader) (err error) { rows.SampleRates, err = integers[uint16](c, n); return err }},
		{"read_id", func(c *columnReader) (err error) { rows.ReadIDs, err = readIDs(c, n); return err }},
		{"channel", func(c *columnReader) (err error) { rows.Channels, err = integers[uint16](c, n); return err }},
		{"mux", func(c *columnReader) (err error) { rows.Muxes, err = integers[uint8](c, n); return err }},
		{"chunk", func(c *columnReader) (err error) { rows.Chunks, err = integers[uint32](c, n); return err }},
		{"read_start", func(c *columnReader) (err error) { rows.ReadStarts, err = integers[uint64](c, n); return err }},
		{"chunk_start", func(c *columnReader) (err error) { rows.ChunkStarts, err = integers[uint64](c, n); return err }},
		{"samples", func(c *columnReader) (err error) { rows.Samples, err = integers[uint32](c, n); return err }},
		{"flags", func(c *columnReader) (err error) { rows.Flags, err = integers[signal.Flags](c, n); return err }},
		{"embedding", func(c *columnReader) (err error) { rows.Vectors, err = vectors(c, n, r.recipe); return err }},
	} {
		if c := r.columns[column.name]; c != nil {
			if err := column.read(c); err != nil {
				if err == io.EOF {
					err = errors.New("it has fewer values than its row group")
				}
				return fmt.Errorf("column %s: %w", column.name, err)
			}
		}
	}
	if rows.SampleRates == nil {
		rows.SampleRates = make([]uint16, n)
	}
	r.rows = rows
	return nil
}

func texts(c *columnReader, n int) (out []string, err error) {
	last := ""
	for range n {
		value, _, err := c.next()
		if err != nil {
			return nil, err
		}
		if last != string(value) { // most are equal, and share their memory
			last = string(value)
		}
		out = append(out, last)
	}
	return out, nil
}

func readIDs(c *columnReader, n int) ([]signal.ReadID, error) {
	out := make([]signal.ReadID, n)
	for i := range out {
		value, _, err := c.next()
		if err != nil {
			return nil, err
		}
		if copy(out[i][:], value) != len(value) || len(value) != len(out[i]) {
			return nil, fmt.Errorf("it holds an id of %d bytes", len(value))
		}
	}
	return out, nil
}

func integers[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *columnReader, n int) ([]T, error) {
	out := make([]T, n)
	for i := range out {
		value, _, err := c.next()
		if err != nil {
			return nil, err
		}
		var wide uint64
		if len(value) == 4 {
			wide = uint64(binary.LittleEndian.Uint32(value))
		} else {
			wide = binary.LittleEndian.Uint64(value)
		}
		if out[i] = T(wide); uint64(out[i]) != wide {
			return nil, fmt.Errorf("it holds %d, more than fits", wide)
		}
	}
	return out, nil
}

func vectors(c *columnReader, n int, recipe *signal.Recipe) ([]float32, error) {
	out := make([]float32, 0, n*recipe.Dim) // which the file justifies, see NewReader
	for range n {
		for k := range recipe.Dim {
			value, same, err := c.next()
			if err != nil {
				return nil, err
			}
			if same != (k > 0) {
				return nil, fmt.Errorf("it holds a list that has not %d values", recipe.Dim)
			}
			if len(value) == 2 {
				out = append(out, wire.Single(binary.LittleEndian.Uint16(value)))
			} else {
				out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(value)))
			}
		}
	}
	return out, nil
}
