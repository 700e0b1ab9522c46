// Package ndjson writes vectors as lines of JSON, one object per vector.
package ndjson

import (
	"fmt"
	"io"

	"github.com/porevec/porevec/sink/wire"
)

// Writer writes lines; batches may differ in everything.
type Writer struct {
	out  io.Writer
	line []byte
}

// NewWriter writes to out, which it does not close.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes the rows of a batch at once.
func (w *Writer) Write(b *wire.Batch) error {
	w.line = w.line[:0]
	for i := range b.Len() {
		w.line = append(b.AppendJSON(w.line, i), '\n')
	}
	if _, err := w.out.Write(w.line); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// Close has nothing left to do.
func (w *Writer) Close() error { return nil }
