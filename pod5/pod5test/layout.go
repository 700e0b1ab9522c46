// Package pod5test makes POD5 files as any writer may have laid them out, sound or
// not, for tests.
package pod5test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/flatbuf"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/pod5/internal/vbz"
	"github.com/porevec/porevec/signal"
)

// Layout builds files as any writer may have laid them out, sound or not.
type Layout struct {
	Version    int  // of the reads table, 0–4
	NoRunTable bool // runs in a struct dictionary (always so in v0–v2)
	Misaligned bool // the reads table two bytes beyond a multiple of 8
	Plain      bool // large_list<int16>
	Codec      string
	Interleave bool  // rows of different reads take turns
	Orphans    bool  // a row that no read refers to, before each row
	Deltas     bool  // dictionaries in one batch per value
	BatchRows  []int // of the signal table; the last one repeats; nil: 3
	Wide       bool  // integers of 64 bits where fewer would do
	Extra      bool  // unknown columns and an unknown kind of content
	NoSamples  bool  // num_samples is missing

	// Lies, each nil or a change of what is true.
	Claim     func(row int, samples int) int
	Frame     func(row int, frame []byte) []byte
	Owner     func(row int, id signal.ReadID) signal.ReadID
	Total     func(read int, samples uint64) uint64
	Rows      func(read int, rows []uint64) []uint64
	Index     int // added to dictionary indices
	NullsAt   int // this read's median_before is null (0: none)
	Marker    func([]byte)
	Footer    func(flatbuf.Fields)
	RunsTable func([]*signal.Run) []*signal.Run
}

// Sample is a read with its signal, cut into pieces.
type Sample struct {
	signal.Read
	Pieces [][]int16
}

// All are its samples.
func (s *Sample) All() []int16 { return slices.Concat(s.Pieces...) }

// Reads gives reads of two runs that differ in every respect: among them are
// one without samples, one of a single sample, and one of extreme steps.
func Reads(n int) []Sample {
	rng := rand.New(rand.NewPCG(3, 4))
	runs := []*signal.Run{Run("first", 5000), Run("second", 4000)}
	reasons := signal.EndReasons()
	reads := make([]Sample, n)
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
			r.Pieces = append(r.Pieces, piece)
			r.Samples += uint64(len(piece))
		}
	}
	return reads
}

// Run is a run in which every field has a value.
func Run(id string, rate uint16) *signal.Run {
	return &signal.Run{
		AcquisitionID: id, AcquisitionStart: time.UnixMilli(1_740_000_000_123).UTC(), ProtocolStart: time.UnixMilli(1_740_000_000_001).UTC(),
		ProtocolRunID: "p-" + id, ProtocolName: "sequencing", ExperimentName: "e", SampleID: "s", FlowCellID: "FBA1",
		FlowCellProductCode: "FLO-MIN114", SequencingKit: "sqk-lsk114", Position: "MN1", PositionType: "minion",
		SystemName: "host", SystemType: "linux", Software: "tests", SampleRateHz: rate, ADCMin: -4096, ADCMax: 4095,
		ContextTags: map[string]string{"a": "1", "b": ""}, TrackingID: map[string]string{"run_id": id},
	}
}

// Build makes the bytes of a file.
func (l Layout) Build(reads []Sample) []byte {
	id := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	out := bytes.NewBuffer([]byte(schema.Signature))
	out.Write(id[:])
	var tables []flatbuf.Fields
	embed := func(kind schema.Content, table []byte) {
		at := out.Len()
		out.Write(table)
		out.Write(make([]byte, -out.Len()&7))
		out.Write(id[:])
		tables = append(tables, flatbuf.Fields{int64(at), int64(len(table)), int16(0), int16(kind)})
	}
	table, rows := l.signalTable(reads)
	embed(schema.SignalTable, table)
	runs := runsOf(reads)
	if !l.structRuns() {
		listed := runs
		if l.RunsTable != nil {
			listed = l.RunsTable(runs)
		}
		embed(schema.RunTable, l.runTable(listed))
	}
	if l.Extra {
		embed(schema.Content(3), []byte("an index of some kind"))
	}
	if l.Misaligned {
		out.Write([]byte{0, 0})
	}
	embed(schema.ReadsTable, l.readsTable(reads, runs, rows))
	root := flatbuf.Fields{schema.UUIDText(id), "tests", "0.0.1", tables}
	if l.Footer != nil {
		l.Footer(root)
	}
	footer := flatbuf.Encode(root)
	out.WriteString("FOOTER\x00\x00")
	out.Write(footer)
	out.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(footer))))
	if l.Marker != nil {
		l.Marker(id[:])
	}
	out.Write(id[:])
	out.WriteString(schema.Signature)
	return out.Bytes()
}

func (l Layout) structRuns() bool { return l.NoRunTable || l.Version < 3 }

func runsOf(reads []Sample) []*signal.Run {
	var runs []*signal.Run
	for i := range reads {
		if !slices.Contains(runs, reads[i].Run) {
			runs = append(runs, reads[i].Run)
		}
	}
	return runs
}

// uint is an unsigned column, or one of 64 bits in a wide layout.
func (l Layout) uint(name string, bits int) *arrowipc.Field {
	if l.Wide {
		bits = 64
	}
	return schema.Uint(name, bits)
}

// writeTable writes batches of columns, with dictionaries.
func (l Layout) writeTable(fields []*arrowipc.Field, batches [][]*arrowipc.Column, dicts map[int64][]*arrowipc.Column) []byte {
	var out bytes.Buffer
	w := arrowipc.NewWriter(&out, fields, schema.Metadata([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, "tests"))
	for id := range int64(len(dicts)) {
		for i, part := range dicts[id] {
			w.Dictionary(id, part, i > 0)
		}
	}
	for _, b := range batches {
		w.Batch(b)
	}
	if err := w.Close(); err != nil {
		panic(err) // writing to memory cannot fail
	}
	return out.Bytes()
}

func (l Layout) signalTable(reads []Sample) (table []byte, rowsOf [][]uint64) {
	fields := []*arrowipc.Field{schema.UUID("read_id"), schema.SignalFields()[1], l.uint("samples", 32)}
	if l.Plain {
		fields[1] = &arrowipc.Field{Name: "signal", Kind: arrowipc.LargeList, Children: []*arrowipc.Field{
			{Name: "item", Kind: arrowipc.Int, Width: 2, Signed: true},
		}}
	}
	if l.Codec != "" {
		fields[1].Extension = l.Codec
	}
	if l.Extra {
		fields = append(fields, &arrowipc.Field{Name: "novelty", Kind: arrowipc.Bool})
	}
	encoder := vbz.NewEncoder()
	var batches [][]*arrowipc.Column
	row := 0
	add := func(id signal.ReadID, samples []int16) uint64 {
		limit := 3
		if n := len(l.BatchRows); n > 0 {
			limit = l.BatchRows[min(max(len(batches)-1, 0), n-1)]
		}
		if n := len(batches); n == 0 || batches[n-1][0].Rows() == limit {
			batches = append(batches, schema.NewColumns(fields))
		}
		c := batches[len(batches)-1]
		claim, frame := len(samples), encoder.Append(nil, samples)
		if l.Claim != nil {
			claim = l.Claim(row, claim)
		}
		if l.Frame != nil {
			frame = l.Frame(row, frame)
		}
		if l.Owner != nil {
			id = l.Owner(row, id)
		}
		c[0].Bytes(id[:])
		if l.Plain {
			for _, s := range samples {
				c[1].Child(0).Int(int64(s))
			}
			c[1].List()
		} else {
			c[1].Bytes(frame)
		}
		c[2].Int(int64(claim))
		if l.Extra {
			c[3].Bool(true)
		}
		row++
		return uint64(row - 1)
	}
	rowsOf = make([][]uint64, len(reads))
	place := func(i, p int) {
		if p < len(reads[i].Pieces) {
			if l.Orphans {
				add(signal.ReadID{0xff}, []int16{1, 2, 3})
			}
			rowsOf[i] = append(rowsOf[i], add(reads[i].ID, reads[i].Pieces[p]))
		}
	}
	const most = 4
	for k := range len(reads) * most {
		if l.Interleave {
			place(k%len(reads), k/len(reads))
		} else {
			place(k/most, k%most)
		}
	}
	return l.writeTable(fields, batches, nil), rowsOf
}

func (l Layout) runTable(runs []*signal.Run) []byte {
	var batches [][]*arrowipc.Column
	for _, r := range runs {
		columns := schema.NewColumns(schema.RunFields())
		schema.AddRun(columns, r)
		batches = append(batches, columns)
	}
	return l.writeTable(schema.RunFields(), batches, nil)
}

// structDict is a dictionary of structs, as files had before v3.
func structDict(name string, id int64, fields ...*arrowipc.Field) *arrowipc.Field {
	return schema.Dict(name, id, &arrowipc.Field{Name: name, Kind: arrowipc.Struct, Children: fields})
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

func (l Layout) readsTable(reads []Sample, runs []*signal.Run, rows [][]uint64) []byte {
	old := l.Version < 3
	var fields []*arrowipc.Field
	var fill []func(c *arrowipc.Column, i int)
	var dicts []*dictWriter
	column := func(f *arrowipc.Field, add func(c *arrowipc.Column, i int)) {
		fields, fill = append(fields, f), append(fill, add)
	}
	dict := func(f func(id int64) *arrowipc.Field, values int, value func(c *arrowipc.Column, k int), index func(i int) int) {
		d := &dictWriter{field: f(int64(len(dicts))), each: l.Deltas}
		dicts = append(dicts, d)
		for k := range values {
			value(d.next(), k)
		}
		column(d.field, func(c *arrowipc.Column, i int) { c.Int(int64(index(i) + l.Index)) })
	}

	column(schema.UUID("read_id"), func(c *arrowipc.Column, i int) { c.Bytes(reads[i].ID[:]) })
	column(&arrowipc.Field{Name: "signal", Kind: arrowipc.List, Children: []*arrowipc.Field{schema.Uint("item", 64)}},
		func(c *arrowipc.Column, i int) {
			list := rows[i]
			if l.Rows != nil {
				list = l.Rows(i, list)
			}
			for _, r := range list {
				c.Child(0).Int(int64(r))
			}
			c.List()
		})
	column(l.uint("read_number", 32), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Number)) })
	column(l.uint("start", 64), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Start)) })
	column(schema.Float("median_before"), func(c *arrowipc.Column, i int) {
		if i == l.NullsAt && i > 0 {
			c.Null()
		} else {
			c.Float(float64(reads[i].MedianBeforePA))
		}
	})
	if l.Extra {
		column(&arrowipc.Field{Name: "novelty", Kind: arrowipc.LargeList, Children: []*arrowipc.Field{schema.Text("item")}},
			func(c *arrowipc.Column, _ int) {
				c.Child(0).Text("?")
				c.List()
			})
	}
	if l.Version >= 2 && !l.NoSamples {
		column(l.uint("num_samples", 64), func(c *arrowipc.Column, i int) {
			n := reads[i].Samples
			if l.Total != nil {
				n = l.Total(i, n)
			}
			c.Int(int64(n))
		})
	}
	if old {
		dict(func(id int64) *arrowipc.Field {
			return structDict("pore", id, l.uint("channel", 16), l.uint("well", 8), schema.Text("pore_type"))
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Int(int64(reads[k].Channel))
			c.Child(1).Int(int64(reads[k].Mux))
			c.Child(2).Text(reads[k].PoreType)
			c.Struct()
		}, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field {
			return structDict("calibration", id, schema.Float("offset"), schema.Float("scale"))
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Float(float64(reads[k].Calibration.Offset))
			c.Child(1).Float(float64(reads[k].Calibration.Scale))
			c.Struct()
		}, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field {
			return structDict("end_reason", id, schema.Text("name"), &arrowipc.Field{Name: "forced", Kind: arrowipc.Bool})
		}, len(reads), func(c *arrowipc.Column, k int) {
			c.Child(0).Text(string(reads[k].EndReason))
			c.Child(1).Bool(reads[k].EndReasonForced)
			c.Struct()
		}, func(i int) int { return i })
	} else {
		column(l.uint("channel", 16), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Channel)) })
		column(l.uint("well", 8), func(c *arrowipc.Column, i int) { c.Int(int64(reads[i].Mux)) })
		column(schema.Float("calibration_offset"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].Calibration.Offset)) })
		column(schema.Float("calibration_scale"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].Calibration.Scale)) })
		column(&arrowipc.Field{Name: "end_reason_forced", Kind: arrowipc.Bool}, func(c *arrowipc.Column, i int) { c.Bool(reads[i].EndReasonForced) })
		dict(func(id int64) *arrowipc.Field { return schema.Dict("pore_type", id, schema.Text("pore_type")) }, len(reads),
			func(c *arrowipc.Column, k int) { c.Text(reads[k].PoreType) }, func(i int) int { return i })
		dict(func(id int64) *arrowipc.Field { return schema.Dict("end_reason", id, schema.Text("end_reason")) }, len(reads),
			func(c *arrowipc.Column, k int) { c.Text(string(reads[k].EndReason)) }, func(i int) int { return i })
	}
	runIndex := func(i int) int { return slices.Index(runs, reads[i].Run) }
	if l.structRuns() {
		dict(func(id int64) *arrowipc.Field { return structDict("run_info", id, schema.RunFields()...) }, len(runs),
			func(c *arrowipc.Column, k int) {
				columns := make([]*arrowipc.Column, len(schema.RunColumns))
				for i := range columns {
					columns[i] = c.Child(i)
				}
				schema.AddRun(columns, runs[k])
				c.Struct()
			}, runIndex)
	} else {
		dict(func(id int64) *arrowipc.Field { return schema.Dict("run_info", id, schema.Text("run_info")) }, len(runs),
			func(c *arrowipc.Column, k int) { c.Text(runs[k].AcquisitionID) }, runIndex)
	}
	if l.Version >= 4 {
		column(schema.Float("open_pore_level"), func(c *arrowipc.Column, i int) { c.Float(float64(reads[i].OpenPorePA)) })
	}

	var batches [][]*arrowipc.Column
	for i := range reads {
		if i%4 == 0 {
			batches = append(batches, schema.NewColumns(fields))
		}
		for k, c := range batches[len(batches)-1] {
			fill[k](c, i)
		}
	}
	parts := map[int64][]*arrowipc.Column{}
	for id, d := range dicts {
		parts[int64(id)] = d.parts
	}
	return l.writeTable(fields, batches, parts)
}
