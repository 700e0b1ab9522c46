// Package arrow writes vectors as an Arrow IPC file: the schema of package wire.
package arrow

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/porevec/porevec/sink/wire"
)

// Writer writes one file; each batch becomes a record batch. All batches have the
// recipe of the first.
type Writer struct {
	out  io.Writer
	info wire.FileInfo
	file *ipc.FileWriter
}

// NewWriter writes to out, which it does not close.
func NewWriter(out io.Writer, info wire.FileInfo) *Writer { return &Writer{out: out, info: info} }

// Write adds the rows of a batch; it keeps none of its memory.
func (w *Writer) Write(b *wire.Batch) error {
	rec, err := b.FileRecord(w.info)
	if err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	defer rec.Release()
	if w.file == nil {
		if w.file, err = ipc.NewFileWriter(w.out, ipc.WithSchema(rec.Schema())); err != nil {
			return fmt.Errorf("write arrow: %w", err)
		}
	}
	if err := w.file.Write(rec); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	return nil
}

// Close writes the footer.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	return nil
}
