// Package npy writes vectors as a NumPy array, and beside it a table that tells
// what each of its rows belongs to.
package npy

import (
	"bufio"
	"fmt"
	"io"

	"github.com/porevec/porevec/sink/wire"
)

// headerSize is the length of the file's header, which leaves room for any
// number of rows: it is written last.
const headerSize = 128

// Writer writes x.npy, an array [rows, dim], and its x.ids.tsv. All batches have
// the recipe of the first.
type Writer struct {
	array     io.WriteSeeker
	vectors   *bufio.Writer
	ids       *bufio.Writer
	descr     string
	rows, dim int
}

// NewWriter writes to array and ids, and closes neither.
func NewWriter(array io.WriteSeeker, ids io.Writer) *Writer {
	return &Writer{array: array, vectors: bufio.NewWriterSize(array, 1<<20), ids: bufio.NewWriterSize(ids, 1<<16)}
}

// Write adds the rows of a batch. An error of the files may show only in a later
// Write or in Close.
func (w *Writer) Write(b *wire.Batch) error {
	if w.dim == 0 {
		w.dim, w.descr = b.Recipe.Dim, "<f4"
		if b.Recipe.DType == wire.Float16 {
			w.descr = "<f2"
		}
		w.vectors.Write(make([]byte, headerSize))
		w.ids.WriteString("run\tread_id\tchannel\tmux\tchunk\tread_start\tchunk_start\tsamples\tflags\n")
	}
	if _, err := w.vectors.Write(b.VectorBytes()); err != nil {
		return fmt.Errorf("write npy: %w", err)
	}
	for i := range b.Len() {
		r := b.Row(i)
		if _, err := fmt.Fprintf(w.ids, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", b.Run.AcquisitionID, r.ReadID,
			r.Channel, r.Mux, r.Chunk, r.ReadStart, r.ChunkStart, r.Samples, r.Flags); err != nil {
			return fmt.Errorf("write ids: %w", err)
		}
	}
	w.rows += b.Len()
	return nil
}

// Close writes what waits and the header.
func (w *Writer) Close() error {
	if w.dim == 0 {
		return nil
	}
	if err := w.ids.Flush(); err != nil {
		return fmt.Errorf("write ids: %w", err)
	}
	if err := w.vectors.Flush(); err != nil {
		return fmt.Errorf("write npy: %w", err)
	}
	if _, err := w.array.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write npy: %w", err)
	}
	// Magic, version 1.0, length of the rest; a dictionary, padded, line feed.
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", w.descr, w.rows, w.dim)
	if _, err := fmt.Fprintf(w.array, "\x93NUMPY\x01\x00%c\x00%-*s\n", headerSize-10, headerSize-11, dict); err != nil {
		return fmt.Errorf("write npy: %w", err)
	}
	return nil
}
