// Package npy writes vectors as a NumPy array, and beside it a table that tells
// what each of its rows belongs to, and an object of JSON that tells how they were made.
package npy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// headerSize is the length of the file's header, which leaves room for any
// number of rows: it is written last.
const headerSize = 128

// Writer writes x.npy, an array [rows, dim], its x.ids.tsv and its x.meta.json. All
// batches have the recipe of the first.
type Writer struct {
	meta      io.Writer
	info      wire.FileInfo
	array     io.WriteSeeker
	vectors   *bufio.Writer
	ids       *bufio.Writer
	descr     string
	rows, dim int
}

// NewWriter writes to array, ids and meta, and closes none.
func NewWriter(array io.WriteSeeker, ids, meta io.Writer, info wire.FileInfo) *Writer {
	return &Writer{meta: meta, info: info, array: array, vectors: bufio.NewWriterSize(array, 1<<20), ids: bufio.NewWriterSize(ids, 1<<16)}
}

// Write adds the rows of a batch. An error of the files may show only in a later
// Write or in Close.
func (w *Writer) Write(b *wire.Batch) error {
	if w.dim == 0 {
		w.dim, w.descr = b.Recipe.Dim, "<f4"
		if b.Recipe.DType == wire.Float16 {
			w.descr = "<f2"
		}
		if err := w.tell(b.Recipe); err != nil {
			return fmt.Errorf("write metadata: %w", err)
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

// tell writes the metadata that the other formats have inside.
func (w *Writer) tell(r *signal.Recipe) error {
	keys, values := w.info.Metadata(r)
	object := make(map[string]any, len(keys))
	for i, k := range keys {
		object[k] = values[i]
		if n, err := strconv.ParseUint(values[i], 10, 31); err == nil {
			object[k] = n
		} else if strings.HasPrefix(values[i], "[") { // the runs
			object[k] = json.RawMessage(values[i])
		}
	}
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.meta.Write(append(text, '\n'))
	return err
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
