package pod5

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/flatbuf"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/pod5/internal/vbz"
	"github.com/porevec/porevec/signal"
)

// How MinKNOW divides its tables.
const (
	rowSamples  = 102400 // at most, in a row of the signal table
	signalBatch = 100    // rows of the signal table in a record batch
	readBatch   = 1000   // rows of the reads table in a record batch
)

// temporary ends the name of a file that is being written.
const temporary = ".tmp"

// WriterOptions describe a file to write.
type WriterOptions struct {
	// ID identifies the file; when zero, a random one is made.
	ID [16]byte
	// Software names the program that writes; "" means porevec.
	Software string
}

// Writer writes one POD5 file. The file has a temporary name until Close gives it
// the final one, so nobody takes it for finished before it is. About 150 bytes per
// read are kept in memory until then. A Writer is not safe for concurrent use.
type Writer struct {
	path   string
	opts   WriterOptions
	file   *os.File
	out    *countingWriter
	tables []flatbuf.Fields // entries of the footer
	vbz    *vbz.Encoder

	signal   *arrowipc.Writer
	signalAt int64              // where its table begins
	rows     []*arrowipc.Column // of the signal table, not written yet
	rowCount int64

	batches                         [][]*arrowipc.Column // of the reads table
	poreTypes, endReasons, runNames dictionary
	runs                            []*signal.Run
}

// dictionary numbers texts in the order in which they come.
type dictionary struct {
	index  map[string]int
	values []string
}

func (d *dictionary) number(text string) int {
	if i, ok := d.index[text]; ok {
		return i
	}
	if d.index == nil {
		d.index = map[string]int{}
	}
	i := len(d.values)
	d.index[text] = i
	d.values = append(d.values, text)
	return i
}

// Create begins a file. An existing file of that name is replaced by Close.
func Create(path string, opts WriterOptions) (*Writer, error) {
	if opts.ID == ([16]byte{}) {
		if _, err := rand.Read(opts.ID[:]); err != nil {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
		opts.ID[6], opts.ID[8] = opts.ID[6]&0x0f|0x40, opts.ID[8]&0x3f|0x80 // a random UUID, version 4
	}
	if opts.Software == "" {
		opts.Software = "porevec"
	}
	file, err := os.Create(path + temporary)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file, out: &countingWriter{w: bufio.NewWriterSize(file, 1<<20)}, opts: opts, vbz: vbz.NewEncoder()}
	for _, r := range signal.EndReasons() {
		w.endReasons.number(string(r))
	}
	w.out.write([]byte(schema.Signature), opts.ID[:])
	w.rows = schema.NewColumns(schema.SignalFields())
	w.signalAt = w.out.n
	w.signal = arrowipc.NewWriter(w.out, schema.SignalFields(), schema.Metadata(opts.ID, opts.Software))
	return w, nil
}

// countingWriter knows how much it has written and keeps its first error.
type countingWriter struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err // a bufio.Writer keeps its first error
	return n, err
}

func (c *countingWriter) write(parts ...[]byte) {
	for _, p := range parts {
		c.Write(p)
	}
}

// Add writes a read with all of its samples. The read's Samples, Path and Origin
// are not looked at.
func (w *Writer) Add(read *signal.Read, samples []int16) error {
	return w.AddPieces(read, slices.Values([][]int16{samples}))
}

// AddPieces is Add for a read that is not in memory as a whole. Each piece may
// change once the next one is asked for.
func (w *Writer) AddPieces(read *signal.Read, pieces iter.Seq[[]int16]) error {
	if read.Run == nil {
		return fmt.Errorf("write %s: read %v has no run", w.path, read.ID)
	}
	run := w.runNames.number(read.Run.AcquisitionID)
	if run == len(w.runs) {
		w.runs = append(w.runs, read.Run)
	}
	pore, reason := w.poreTypes.number(read.PoreType), w.endReasons.number(string(read.EndReason))
	if max(run, pore, reason) > math.MaxInt16 {
		return fmt.Errorf("write %s: more than %d runs, pore types or end reasons", w.path, math.MaxInt16)
	}
	if n := len(w.batches); n == 0 || w.batches[n-1][0].Rows() == readBatch {
		w.batches = append(w.batches, schema.NewColumns(schema.ReadFields()))
	}
	columns := schema.Row(w.batches[len(w.batches)-1])
	columns.Next().Bytes(read.ID[:])
	list := columns.Next()
	samples := 0
	for piece := range pieces {
		for row := range slices.Chunk(piece, rowSamples) {
			list.Child(0).Int(w.addRow(read.ID, row))
			samples += len(row)
		}
	}
	list.List()
	columns.Next().Int(int64(read.Number))
	columns.Next().Int(int64(read.Start))
	columns.Next().Float(float64(read.MedianBeforePA))
	columns.Next().Int(0) // events
	for range 4 {         // tracked and predicted scaling: not known, and deprecated
		columns.Next().Float(math.NaN())
	}
	columns.Next().Int(0) // reads since the mux change
	columns.Next().Float(0)
	columns.Next().Int(int64(samples))
	columns.Next().Int(int64(read.Channel))
	columns.Next().Int(int64(read.Mux))
	columns.Next().Int(int64(pore))
	columns.Next().Float(float64(read.Calibration.Offset))
	columns.Next().Float(float64(read.Calibration.Scale))
	columns.Next().Int(int64(reason))
	columns.Next().Bool(read.EndReasonForced)
	columns.Next().Int(int64(run))
	columns.Next().Float(float64(read.OpenPorePA))
	if w.out.err != nil {
		return fmt.Errorf("write %s: %w", w.path, w.out.err)
	}
	return nil
}

// addRow writes a row of signal and gives its number.
func (w *Writer) addRow(id signal.ReadID, samples []int16) int64 {
	columns := schema.Row(w.rows)
	columns.Next().Bytes(id[:])
	columns.Next().Append(func(dst []byte) []byte { return w.vbz.Append(dst, samples) })
	columns.Next().Int(int64(len(samples)))
	if w.rows[0].Rows() == signalBatch {
		w.flushRows()
	}
	w.rowCount++
	return w.rowCount - 1
}

func (w *Writer) flushRows() {
	w.signal.Batch(w.rows)
	for _, c := range w.rows {
		c.Reset()
	}
}

// Close finishes the file and gives it its name.
func (w *Writer) Close() error {
	err := w.finish()
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.file.Name())
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Discard ends the writing and leaves no file.
func (w *Writer) Discard() error {
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

func (w *Writer) finish() error {
	if w.rows[0].Rows() > 0 {
		w.flushRows()
	}
	w.endTable(schema.SignalTable, w.signalAt, w.signal)
	w.writeRuns()
	w.writeReads()
	w.writeFooter()
	return errors.Join(w.out.w.Flush(), w.file.Close()) // Flush gives the first error of all
}

// endTable closes a table and notes it for the footer.
func (w *Writer) endTable(kind schema.Content, at int64, t *arrowipc.Writer) {
	t.Close() // its error is that of w.out
	w.tables = append(w.tables, flatbuf.Fields{at, t.Size(), int16(0), int16(kind)})
	w.out.write(make([]byte, -w.out.n&7), w.opts.ID[:])
}

func (w *Writer) writeRuns() {
	at := w.out.n
	t := arrowipc.NewWriter(w.out, schema.RunFields(), schema.Metadata(w.opts.ID, w.opts.Software))
	for _, run := range w.runs {
		columns := schema.NewColumns(schema.RunFields())
		schema.AddRun(columns, run)
		t.Batch(columns)
	}
	w.endTable(schema.RunTable, at, t)
}

// writeReads writes the reads table. By now the dictionaries are complete, so one
// batch each will do.
func (w *Writer) writeReads() {
	at := w.out.n
	fields := schema.ReadFields()
	t := arrowipc.NewWriter(w.out, fields, schema.Metadata(w.opts.ID, w.opts.Software))
	for _, f := range fields {
		if f.Dictionary == nil {
			continue
		}
		values := arrowipc.NewColumn(f.Dictionary)
		for _, text := range map[int64]*dictionary{schema.PoreTypeDict: &w.poreTypes, schema.EndReasonDict: &w.endReasons, schema.RunDict: &w.runNames}[f.DictionaryID].values {
			values.Text(text)
		}
		t.Dictionary(f.DictionaryID, values, false)
	}
	for _, columns := range w.batches {
		t.Batch(columns)
	}
	w.endTable(schema.ReadsTable, at, t)
}

func (w *Writer) writeFooter() {
	footer := flatbuf.Encode(flatbuf.Fields{schema.UUIDText(w.opts.ID), w.opts.Software, schema.LayoutVersion, w.tables})
	w.out.write([]byte("FOOTER\x00\x00"), footer,
		binary.LittleEndian.AppendUint64(nil, uint64(len(footer))), w.opts.ID[:], []byte(schema.Signature))
}
