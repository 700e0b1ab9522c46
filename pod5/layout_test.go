package pod5

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/flatbuf"
	"github.com/porevec/porevec/pod5/internal/vbz"
	"github.com/porevec/porevec/signal"
)

// layout builds files as any writer may have laid them out, sound or not.
type layout struct {
	version    int  // of the reads table, 0–4
	noRunTable bool // runs in a struct dictionary (always so in v0–v2)
	misaligned bool // the reads table two bytes beyond a multiple of 8
	plain      bool // large_list<int16>
	codec      string
	interleave bool  // rows of different reads take turns
	orphans    bool  // a row that no read refers to, before each row
	deltas     bool  // dictionaries in one batch per value
	batchRows  []int // of the signal table; the last one repeats; nil: 3
	wide       bool  // integers of 64 bits where fewer would do
	extra      bool  // unknown columns and an unknown kind of content
	noSamples  bool  // num_samples is missing

	// Lies, each nil or a change of what is true.
	claim     func(row int, samples int) int
	frame     func(row int, frame []byte) []byte
	owner     func(row int, id signal.ReadID) signal.ReadID
	total     func(read int, samples uint64) uint64
	rows      func(read int, rows []uint64) []uint64
	index     int // added to dictionary indices
	nullsAt   int // this read's median_before is null (0: none)
	marker    func([]byte)
	footer    func(flatbuf.Fields)
	runsTable func([]*signal.Run) []*signal.Run
}

// sample is a read with its signal, cut into pieces.
type sample struct {
	signal.Read
	pieces [][]int16
}

func (s *sample) samples() []int16 { return slices.Concat(s.pieces...) }

// someReads gives reads of two runs that differ in every respect: among them are
// one without samples, one of a single sample, and one of extreme steps.
func someReads(n int) []sample {
	rng := rand.New(rand.NewPCG(3, 4))
	runs := []*signal.Run{testRun("first", 5000), testRun("second", 4000)}
	reasons := signal.EndReasons()
	reads := make([]sample, n)
	for i := range reads {
		r := &reads[i]
		for k := range r.ID {
			r.ID[k] = byte(rng.Uint32())
		}
		r.Run = runs[i%2]
		r.Channel, r.Mux, r.Number = uint16(1+i*37), uint8(1+i%4), uint32(100+i)
		r.Start = uint64(i) * 1_000_003
		r.Calibration = signal.Calibration{Offset: float32(-243 + i), Scale: 0.1462 + float32(i)/1000}
		r.MedianBeforePA, r.OpenPorePA = float32(200+i), float32(210+i)
		r.EndReason = reasons[i%len(reasons)]
		r.EndReasonForced = i%3 == 0
		r.PoreType = []string{"not_set", "R10.4.1"}[i%2]
		pieces := i % 4 // none, one, two, three
		for p := range pieces {
			piece := make([]int16, 1+(i*29+p*13)%70)
			for k := range piece {
				piece[k] = int16(400 + rng.IntN(200))
				if i == 5 {
					piece[k] = []int16{math.MinInt16, math.MaxInt16, 0}[k%3]
				}
			}
			r.pieces = append(r.pieces, piece)
			r.Samples += uint64(len(piece))
		}
	}
	return reads
}

func testRun(id string, rate uint16) *signal.Run {
	return &signal.Run{
		AcquisitionID: id, AcquisitionStart: time.UnixMilli(1_740_000_000_123).UTC(), ProtocolStart: time.UnixMilli(1_740_000_000_001).UTC(),
		ProtocolRunID: "p-" + id, ProtocolName: "sequencing", ExperimentName: "e", SampleID: "s", FlowCellID: "FBA1",
		FlowCellProductCode: "FLO-MIN114", SequencingKit: "sqk-lsk114", Position: "MN1", PositionType: "minion",
		SystemName: "host", SystemType: "linux", Software: "tests", SampleRateHz: rate, ADCMin: -4096, ADCMax: 4095,
		ContextTags: map[string]string{"a": "1", "b": ""}, TrackingID: map[string]string{"run_id": id},
	}
}

// build makes the bytes of a file.
func (l layout) build(t testing.TB, reads []sample) []byte {
	t.Helper()
	id := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	out := bytes.NewBuffer([]byte(signature))
	out.Write(id[:])
	var tables []flatbuf.Fields
	embed := func(kind content, table []byte) {
		at := out.Len()
		out.Write(table)
		out.Write(make([]byte, -out.Len()&7))
		out.Write(id[:])
		tables = append(tables, flatbuf.Fields{int64(at), int64(len(table)), int16(0), int16(kind)})
	}
	table, rows := l.signalTable(t, reads)
	embed(signalTable, table)
	runs := runsOf(reads)
	if !l.structRuns() {
		listed := runs
		if l.runsTable != nil {
			listed = l.runsTable(runs)
		}
		embed(runTable, l.runTable(t, listed))
	}
	if l.extra {
		embed(content(3), []byte("an index of some kind"))
	}
	if l.misaligned {
		out.Write([]byte{0, 0})
	}
	embed(readsTable, l.readsTable(t, reads, runs, rows))
	root := flatbuf.Fields{uuidText(id), "tests", "0.0.1", tables}
	if l.footer != nil {
		l.footer(root)
	}
	footer := flatbuf.Encode(root)
	out.WriteString("FOOTER\x00\x00")
	out.Write(footer)
	out.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(footer))))
	if l.marker != nil {
		l.marker(id[:])
	}
	out.Write(id[:])
	out.WriteString(signature)
	return out.Bytes()
}

func (l layout) structRuns() bool { return l.noRunTable || l.version < 3 }

func runsOf(reads []sample) []*signal.Run {
	var runs []*signal.Run
	for i := range reads {
		if !slices.Contains(runs, reads[i].Run) {
			runs = append(runs, reads[i].Run)
		}
	}
	return runs
}

// uint is an unsigned column, or one of 64 bits in a wide layout.
func (l layout) uint(name string, bits int) *arrowipc.Field {
	if l.wide {
		bits = 64
	}
	return uintField(name, bits)
}

// writeTable writes batches of columns, with dictionaries.
func (l layout) writeTable(t testing.TB, fields []*arrowipc.Field, batches [][]*arrowipc.Column, dicts map[int64][]*arrowipc.Column) []byte {
	t.Helper()
	var out bytes.Buffer
	w := arrowipc.NewWriter(&out, fields, tableMetadata([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, "tests"))
	for id := range int64(len(dicts)) {
		for i, part := range dicts[id] {
			w.Dictionary(id, part, i > 0)
		}
	}
	for _, b := range batches {
		w.Batch(b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (l layout) signalTable(t testing.TB, reads []sample) (table []byte, rowsOf [][]uint64) {
	t.Helper()
	fields := []*arrowipc.Field{uuidField("read_id"), signalFields()[1], l.uint("samples", 32)}
	if l.plain {
		fields[1] = &arrowipc.Field{Name: "signal", Kind: arrowipc.LargeList, Children: []*arrowipc.Field{
			{Name: "item", Kind: arrowipc.Int, Width: 2, Signed: true},
		}}
	}
	if l.codec != "" {
		fields[1].Extension = l.codec
	}
	if l.extra {
		fields = append(fields, &arrowipc.Field{Name: "novelty", Kind: arrowipc.Bool})
	}
	encoder := vbz.NewEncoder()
	var batches [][]*arrowipc.Column
	row := 0
	add := func(id signal.ReadID, samples []int16) uint64 {
		limit := 3
		if n := len(l.batchRows); n > 0 {
			limit = l.batchRows[min(max(len(batches)-1, 0), n-1)]
		}
		if n := len(batches); n == 0 || batches[n-1][0].Rows() == limit {
			batches = append(batches, newColumns(fields))
		}
		c := batches[len(batches)-1]
		claim, frame := len(samples), encoder.Append(nil, samples)
		if l.claim != nil {
			claim = l.claim(row, claim)
		}
		if l.frame != nil {
			frame = l.frame(row, frame)
		}
		if l.owner != nil {
			id = l.owner(row, id)
		}
		c[0].Bytes(id[:])
		if l.plain {
			for _, s := range samples {
				c[1].Child(0).Int(int64(s))
			}
			c[1].List()
		} else {
			c[1].Bytes(frame)
		}
		c[2].Int(int64(claim))
		if l.extra {
			c[3].Bool(true)
		}
		row++
		return uint64(row - 1)
	}
	rowsOf = make([][]uint64, len(reads))
	place := func(i, p int) {
		if p < len(reads[i].pieces) {
			if l.orphans {
				add(signal.ReadID{0xff}, []int16{1, 2, 3})
			}
			rowsOf[i] = append(rowsOf[i], add(reads[i].ID, reads[i].pieces[p]))
		}
	}
	const most = 4
	for k := range len(reads) * most {
		if l.interleave {
			place(k%len(reads), k/len(reads))
		} else {
			place(k/most, k%most)
		}
	}
	return l.writeTable(t, fields, batches, nil), rowsOf
}

func (l layout) runTable(t testing.TB, runs []*signal.Run) []byte {
	t.Helper()
	var batches [][]*arrowipc.Column
	for _, r := range runs {
		columns := newColumns(runFields())
		addRun(columns, r)
		batches = append(batches, columns)
	}
	return l.writeTable(t, runFields(), batches, nil)
}

// structDict is a dictionary of structs, as files had before v3.
func structDict(name string, id int64, fields ...*arrowipc.Field) *arrowipc.Field {
	return dictField(name, id, &arrowipc.Field{Name: name, Kind: arrowipc.Struct, Children: fields})
}

// dictWriter gathers the values of one dictionary.
type dictWriter struct {
	field *arrowipc.Field
	parts []*arrowipc.Column
	each  bool // a part per value
}

func (d *dictWriter) next() *arrowipc.Column {
	if len(d.parts) == 0 || d.each {
		d.parts = append(d.parts, arrowipc.NewColumn(d.field.Dictionary))
	}
	return d.parts[len(d.parts)-1]
}

func (l layout) readsTable(t testing.TB, reads []sample, runs []*signal.Run, rows [][]uint64) []byte {
	t.Helper()
	old := l.version < 3
	var fields []*arrowipc.Field
	var fill []func(c *arrowipc.Column, i int)
	var dicts []*dictWriter
	column := func(f *arrowipc.Field, add func(c *arrowipc.Column, i int)) {
		fields, fill = append(fields, f), append(fill, add)
	}
	dict := func(f func(id int64) *arrowipc.Field, values int, value func(c *arrowipc.Column, k int), index func(i int) int) {
		d := &dictWriter{field: f(int64(len(dicts))), each: l.deltas}
		dicts = append(dicts, d)
		for k := range values {
			value(d.next(), k)
		}
		column(d.field, func(c *arrowipc.Column, i int) { c.Int(int64(index(i) + l.index)) })
	}

	column(uuidField("read_id"), func(c *arrowipc.Column, i int) { c.Bytes(reads[i].ID[:]) })
	column(&arrowipc.Field{Name: "signal", Kind: arrowipc.List, Children: []*arrowipc.Field{uintField("item", 64)}},
		func(c *arrowipc.Column, i int) {
			list := rows[i]
			if l.rows != nil {
				list = l.rows(i, list)
			}
			for _, r := range list {
				c.Child(0).Int(int64(r))
			}
			c.List()
		})
	column(l.uint("read_number", 32), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Number)) })
	column(l.uint("start", 64), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Start)) })
	column(floatField("median_before"), func(c *arrowipc.Column, i int) {
		if i == l.nullsAt && i > 0 {
			c.Null()
		} else {
			c.Float(float64(reads[i].MedianBeforePA))
		}
	})
	if l.extra {
		column(&arrowipc.Field{Name: "novelty", Kind: arrowipc.LargeList, Children: []*arrowipc.Field{textField("item")}},
			func(c *arrowipc.Column, _ int) {
				c.Child(0).Text("?")
				c.List()
			})
	}
	if l.version >= 2 && !l.noSamples {
		column(l.uint("num_samples", 64), func(c *arrowipc.Column, i int) {
			n := reads[i].Samples
			if l.total != nil {
				n = l.total(i, n)
			}
			c.Int(int64(n))
		})
	}
	if old {
		dict(func(id int64) *arrowipc.Field {
			return structDict("pore", id, l.uint("channel", 16), l.uint("well", 8), textField("pore_type"))
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Int(int64(reads[k].Channel))
			c.Child(1).Int(int64(reads[k].Mux))
			c.Child(2).Text(reads[k].PoreType)
			c.Struct()
		}, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field {
			return structDict("calibration", id, floatField("offset"), floatField("scale"))
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Float(float64(reads[k].Calibration.Offset))
			c.Child(1).Float(float64(reads[k].Calibration.Scale))
			c.Struct()
		}, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field {
			return structDict("end_reason", id, textField("name"), &arrowipc.Field{Name: "forced", Kind: arrowipc.Bool})
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Text(string(reads[k].EndReason))
			c.Child(1).Bool(reads[k].EndReasonForced)
			c.Struct()
		}, func(i int) int { return i })
	} else {
		column(l.uint("channel", 16), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Channel)) })
		column(l.uint("well", 8), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Mux)) })
		column(floatField("calibration_offset"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].Calibration.Offset)) })
		column(floatField("calibration_scale"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].Calibration.Scale)) })
		column(&arrowipc.Field{Name: "end_reason_forced", Kind: arrowipc.Bool}, func(c *arrowipc.Column, i int) { c.Bool(reads[i].EndReasonForced) })
		dict(func(id int64) *arrowipc.Field { return dictField("pore_type", id, textField("pore_type")) }, len(reads),
			func(c *arrowipc.Column, k int) { c.Text(reads[k].PoreType) }, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field { return dictField("end_reason", id, textField("end_reason")) }, len(reads),
			func(c *arrowipc.Column, k int) { c.Text(string(reads[k].EndReason)) }, func(i int) int { return i })
	}
	runIndex := func(i int) int { return slices.Index(runs, reads[i].Run) }
	if l.structRuns() {
		dict(func(id int64) *arrowipc.Field { return structDict("run_info", id, runFields()...) }, len(runs),
			func(c *arrowipc.Column, k int) {
				columns := make([]*arrowipc.Column, len(runColumns))
				for i := range columns {
					columns[i] = c.Child(i)
				}
				addRun(columns, runs[k])
				c.Struct()
			}, runIndex)
	} else {
		dict(func(id int64) *arrowipc.Field { return dictField("run_info", id, textField("run_info")) }, len(runs),
			func(c *arrowipc.Column, k int) { c.Text(runs[k].AcquisitionID) }, runIndex)
	}
	if l.version >= 4 {
		column(floatField("open_pore_level"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].OpenPorePA)) })
	}

	var batches [][]*arrowipc.Column
	for i := range reads {
		if i%4 == 0 {
			batches = append(batches, newColumns(fields))
		}
		for k, c := range batches[len(batches)-1] {
			fill[k](c, i)
		}
	}
	parts := map[int64][]*arrowipc.Column{}
	for id, d := range dicts {
		parts[int64(id)] = d.parts
	}
	return l.writeTable(t, fields, batches, parts)
}
