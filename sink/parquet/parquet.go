// Package parquet writes vectors as Parquet: the schema of package wire, with a
// list column that readers of Arrow restore to fixed-size lists.
package parquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/porevec/porevec/sink/wire"
)

// A row group ends at this many rows or this many bytes, whichever comes first.
// It is held in memory several times over while it is written: with four times
// the rows, embed took 305 MB.
const (
	groupRows  = 16 << 10
	groupBytes = 16 << 20
)

// Writer writes one file. All batches have the recipe of the first.
type Writer struct {
	out  io.Writer
	file *pqarrow.FileWriter
	room int64 // rows that the row group still takes
}

// NewWriter writes to out, which it does not close.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write adds the rows of a batch; it keeps none of its memory.
func (w *Writer) Write(b *wire.Batch) error {
	rec, err := b.FileRecord()
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	defer rec.Release()
	if w.file == nil {
		properties := parquet.NewWriterProperties(
			parquet.WithCompression(compress.Codecs.Zstd),
			parquet.WithVersion(parquet.V2_LATEST),
			// Vectors do not repeat; a dictionary of them is a waste.
			parquet.WithDictionaryDefault(false),
			parquet.WithDictionaryFor("run", true),
			parquet.WithDictionaryFor("read_id", true),
			parquet.WithStatsFor("embedding.list.element", false),
			parquet.WithCreatedBy("porevec "+b.Recipe.Version),
		)
		w.file, err = pqarrow.NewFileWriter(rec.Schema(), noCloser{w.out}, properties,
			pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
		w.room = rowsPerGroup(b)
	}
	// Left to the writer, a batch would be split between two groups, and the
	// vectors of the second part come from wrong rows.
	if w.room -= rec.NumRows(); w.room < 0 {
		if err := w.file.NewBufferedRowGroupChecked(); err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
		w.room = rowsPerGroup(b) - rec.NumRows()
	}
	if err := w.file.WriteBuffered(rec); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func rowsPerGroup(b *wire.Batch) int64 {
	return int64(min(groupRows, max(1, groupBytes/wire.RowBytes(b.Recipe))))
}

// Close writes what waits and the footer.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

// noCloser hides Close, which the Parquet writer would call.
type noCloser struct{ io.Writer }
