// Package parquet writes and reads vectors as Parquet: the schema of package wire,
// with a list column that readers of Arrow restore to fixed-size lists.
//
// The writer does what these files need of the format and no more: required
// columns of a few types, version 1 data pages, Zstandard, a dictionary for columns
// that repeat. The reader knows, besides, what other programs make of such files
// when they write them anew.
//
// General libraries add 3 to 27 MB to the program. They also trust what a file
// says of itself: a few bytes that tell of a long run of equal values, or a page
// that decompresses to more than it announces, may ask for gigabytes.
package parquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/klauspost/compress/zstd"

	"github.com/porevec/porevec/sink/wire"
)

// A row group ends at this many rows or this many bytes, whichever comes first.
// It is held in memory while it is written.
const (
	groupRows  = 16 << 10
	groupBytes = 16 << 20
)

// magic begins and ends a file.
const magic = "PAR1"

// Writer writes one file. All batches have the recipe of the first.
type Writer struct {
	out    io.Writer
	info   wire.FileInfo
	offset int64 // bytes written
	zstd   *zstd.Encoder
	limit  int64 // rows in a group at most

	schema    *arrow.Schema
	createdBy string
	columns   []*column // of the row group under way; nil before the first batch
	rows      int64     // in them
	groups    []group   // written
}

// NewWriter writes to out, which it does not close.
func NewWriter(out io.Writer, info wire.FileInfo) *Writer {
	return &Writer{out: out, info: info, limit: groupRows}
}

// Write adds the rows of a batch; it keeps none of its memory.
func (w *Writer) Write(b *wire.Batch) error {
	if err := w.add(b); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func (w *Writer) add(b *wire.Batch) error {
	rec, err := b.FileRecord(w.info)
	if err != nil {
		return err
	}
	defer rec.Release()
	if w.columns == nil {
		if err := w.begin(rec.Schema(), "porevec "+b.Recipe.Version); err != nil {
			return err
		}
	}
	limit := min(w.limit, int64(max(1, groupBytes/wire.RowBytes(b.Recipe))))
	if w.rows > 0 && w.rows+rec.NumRows() > limit {
		if err := w.endGroup(); err != nil {
			return err
		}
	}
	for i, c := range w.columns {
		c.add(rec.Column(i))
	}
	w.rows += rec.NumRows()
	return nil
}

// begin fixes the columns and writes the file's first bytes.
func (w *Writer) begin(schema *arrow.Schema, createdBy string) error {
	var err error
	// One goroutine compresses a page at a time, in the memory that a page needs.
	if w.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)); err != nil {
		return err
	}
	var columns []*column
	for _, f := range schema.Fields() {
		c, err := newColumn(f, w.zstd)
		if err != nil {
			return err
		}
		columns = append(columns, c)
	}
	w.schema, w.createdBy, w.columns = schema, createdBy, columns
	return w.write([]byte(magic))
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	return err
}

// endGroup writes the column chunks of a row group.
func (w *Writer) endGroup() error {
	g := group{rows: w.rows, offset: w.offset}
	for _, c := range w.columns {
		dictionary, pages, done := c.finish()
		done.offset = w.offset
		done.dataOffset = w.offset + int64(len(dictionary))
		if err := w.write(dictionary); err != nil {
			return err
		}
		if err := w.write(pages); err != nil {
			return err
		}
		done.compressed = w.offset - done.offset
		g.chunks = append(g.chunks, done)
		c.reset()
	}
	w.groups, w.rows = append(w.groups, g), 0
	return nil
}

// Close writes what waits and the footer.
func (w *Writer) Close() error {
	if w.columns == nil {
		return nil
	}
	if err := w.end(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func (w *Writer) end() error {
	if w.rows > 0 {
		if err := w.endGroup(); err != nil {
			return err
		}
	}
	footer, err := w.footer()
	if err != nil {
		return err
	}
	return w.write(footer)
}
