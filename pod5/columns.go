package pod5

import (
	"fmt"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/signal"
)

// openReadColumns looks at which columns are there and of which type, and loads
// the dictionaries. table are the runs of the run-info table, if there is one.
func openReadColumns(t *arrowipc.File, table []*signal.Run) (*readColumns, error) {
	c := &readColumns{table: t}
	var fault error
	column := func(name string, fits func(*arrowipc.Field) bool) *arrowipc.Field {
		f := t.Column(name)
		if f != nil && !fits(f) && fault == nil {
			fault = fmt.Errorf("%w: the column %s is of %v", ErrCorrupt, name, f)
		}
		return f
	}
	c.id = column("read_id", func(f *arrowipc.Field) bool {
		return f.Kind == arrowipc.FixedBinary && f.Width == len(signal.ReadID{})
	})
	c.signal = column("signal", func(f *arrowipc.Field) bool {
		return (f.Kind == arrowipc.List || f.Kind == arrowipc.LargeList) && isInt(f.Children[0])
	})
	c.samples = column("num_samples", isInt)
	c.number = column("read_number", isInt)
	c.start = column("start", isInt)
	c.medianBefore = column("median_before", isFloat)
	c.openPore = column("open_pore_level", isFloat)
	c.channel = column("channel", isInt)
	c.well = column("well", isInt)
	c.offset = column("calibration_offset", isFloat)
	c.scale = column("calibration_scale", isFloat)
	c.forced = column("end_reason_forced", func(f *arrowipc.Field) bool { return f.Kind == arrowipc.Bool })
	c.poreType = column("pore_type", isTextDictionary)
	c.endReason = column("end_reason", isDictionary)
	c.run = column("run_info", isDictionary)
	c.pore = column("pore", isStructDictionary)
	c.calibration = column("calibration", isStructDictionary)
	if fault != nil {
		return nil, fault
	}
	for _, needed := range []struct {
		name  string
		there bool
	}{
		{"read_id", c.id != nil},
		{"signal", c.signal != nil},
		{"run_info", c.run != nil},
		{"channel", c.channel != nil || c.pore != nil},
		{"calibration_offset", c.offset != nil || c.calibration != nil},
		{"calibration_scale", c.scale != nil || c.calibration != nil},
	} {
		if !needed.there {
			return nil, fmt.Errorf("%w: the column %s is missing", ErrCorrupt, needed.name)
		}
	}
	return c, c.loadDictionaries(table)
}

func isInt(f *arrowipc.Field) bool {
	return f.Kind == arrowipc.Int && f.Dictionary == nil
}

func isFloat(f *arrowipc.Field) bool {
	return f.Kind == arrowipc.Float && f.Width >= 4
}

func isDictionary(f *arrowipc.Field) bool {
	return isTextDictionary(f) || isStructDictionary(f)
}

func isTextDictionary(f *arrowipc.Field) bool {
	return f.Dictionary != nil && isText(f.Dictionary)
}

func isStructDictionary(f *arrowipc.Field) bool {
	return f.Dictionary != nil && f.Dictionary.Kind == arrowipc.Struct
}

// maxDictionary bounds a dictionary; an index of 16 bits reaches no further.
const maxDictionary = 1 << 16

// entries walks over the values of the dictionary of a column.
func (c *readColumns) entries(f *arrowipc.Field, each func(a *arrowipc.Array, i int)) error {
	if f == nil {
		return nil
	}
	parts, err := c.table.Dictionary(f)
	if err != nil {
		return fmt.Errorf("dictionary of %s: %w", f.Name, err)
	}
	total := 0
	for _, part := range parts {
		if total += part.Len(); total > maxDictionary {
			return fmt.Errorf("%w: dictionary of %s: more than %d values", ErrCorrupt, f.Name, maxDictionary)
		}
		for i := range part.Len() {
			each(part, i)
		}
	}
	return nil
}

func (c *readColumns) loadDictionaries(table []*signal.Run) error {
	if err := c.entries(c.poreType, func(a *arrowipc.Array, i int) {
		c.poreTypes = append(c.poreTypes, textAt(a, i))
	}); err != nil {
		return err
	}
	if err := c.entries(c.endReason, func(a *arrowipc.Array, i int) {
		c.endReasons = append(c.endReasons, endReasonAt(a, i))
	}); err != nil {
		return err
	}
	if err := c.entries(c.pore, func(a *arrowipc.Array, i int) {
		c.pores = append(c.pores, pore{
			channel:  uint16(intAt(a.Child("channel"), i)),
			well:     uint8(intAt(a.Child("well"), i)),
			poreType: textAt(a.Child("pore_type"), i),
		})
	}); err != nil {
		return err
	}
	if err := c.entries(c.calibration, func(a *arrowipc.Array, i int) {
		c.calibrations = append(c.calibrations, signal.Calibration{
			Offset: floatAt(a.Child("offset"), i), Scale: floatAt(a.Child("scale"), i),
		})
	}); err != nil {
		return err
	}
	known := map[string]*signal.Run{}
	for _, r := range table {
		known[r.AcquisitionID] = r
	}
	return c.entries(c.run, func(a *arrowipc.Array, i int) {
		if a.Field().Kind == arrowipc.Struct {
			c.runs = append(c.runs, readRun(a.Child, i))
			c.structRuns = c.runs
			return
		}
		c.runs = append(c.runs, known[textAt(a, i)])
	})
}

// endReasonAt reads either kind of entry: a name, or a struct of name and forced.
func endReasonAt(a *arrowipc.Array, i int) endReason {
	if a.Field().Kind != arrowipc.Struct {
		return endReason{name: signal.EndReason(textAt(a, i))}
	}
	e := endReason{name: signal.EndReason(textAt(a.Child("name"), i))}
	if forced := a.Child("forced"); forced != nil && forced.Field().Kind == arrowipc.Bool {
		e.forced = forced.Bool(i)
	}
	return e
}

// textAt, intAt and floatAt read a value that may be absent, null or of another type.
func textAt(a *arrowipc.Array, i int) string {
	if a == nil || !isText(a.Field()) || a.Null(i) {
		return ""
	}
	return string(a.Bytes(i))
}

func intAt(a *arrowipc.Array, i int) int64 {
	if a == nil || !isInt(a.Field()) || a.Null(i) {
		return 0
	}
	return a.Int(i)
}

func floatAt(a *arrowipc.Array, i int) float32 {
	if a == nil || !isFloat(a.Field()) || a.Null(i) {
		return nan
	}
	return float32(a.Float(i))
}

// readPart holds the columns of some reads; those that the file lacks are nil.
type readPart struct {
	c                                                          *readColumns
	id, signal, samples, number, start, medianBefore, openPore *arrowipc.Array
	channel, well, poreType, offset, scale, endReason, forced  *arrowipc.Array
	pore, calibration, run                                     *arrowipc.Array
}

// load brings rows [start, start+n) of a batch into memory.
func (c *readColumns) load(batch *arrowipc.Batch, start, n int64) (*readPart, error) {
	p := &readPart{c: c}
	for _, column := range []struct {
		field *arrowipc.Field
		array **arrowipc.Array
	}{
		{c.id, &p.id}, {c.signal, &p.signal}, {c.samples, &p.samples}, {c.number, &p.number}, {c.start, &p.start},
		{c.medianBefore, &p.medianBefore}, {c.openPore, &p.openPore}, {c.channel, &p.channel}, {c.well, &p.well},
		{c.poreType, &p.poreType}, {c.offset, &p.offset}, {c.scale, &p.scale}, {c.endReason, &p.endReason},
		{c.forced, &p.forced}, {c.pore, &p.pore}, {c.calibration, &p.calibration}, {c.run, &p.run},
	} {
		if column.field == nil {
			continue
		}
		array, err := batch.Load(column.field, start, n)
		if err != nil {
			return nil, err
		}
		*column.array = array
	}
	return p, nil
}

// fill reads one row.
func (p *readPart) fill(r *Read, row int) error {
	var err error
	if r.rows, err = signalRowsOf(p.signal, row); err != nil {
		return err
	}
	r.Samples = uint64(intAt(p.samples, row))
	r.Number = uint32(intAt(p.number, row))
	r.Start = uint64(intAt(p.start, row))
	r.MedianBeforePA = floatAt(p.medianBefore, row)
	r.OpenPorePA = floatAt(p.openPore, row)

	if p.pore != nil {
		i, err := indexAt(p.pore, row, len(p.c.pores))
		if err != nil {
			return err
		}
		at := p.c.pores[i]
		r.Channel, r.Mux, r.PoreType = at.channel, at.well, at.poreType
	}
	if p.channel != nil {
		r.Channel = uint16(intAt(p.channel, row))
	}
	if p.well != nil {
		r.Mux = uint8(intAt(p.well, row))
	}
	if p.poreType != nil && !p.poreType.Null(row) {
		i, err := indexAt(p.poreType, row, len(p.c.poreTypes))
		if err != nil {
			return err
		}
		r.PoreType = p.c.poreTypes[i]
	}
	if p.calibration != nil {
		i, err := indexAt(p.calibration, row, len(p.c.calibrations))
		if err != nil {
			return err
		}
		r.Calibration = p.c.calibrations[i]
	}
	if p.offset != nil {
		r.Calibration.Offset = floatAt(p.offset, row)
	}
	if p.scale != nil {
		r.Calibration.Scale = floatAt(p.scale, row)
	}
	r.EndReason = signal.EndUnknown
	if p.endReason != nil && !p.endReason.Null(row) {
		i, err := indexAt(p.endReason, row, len(p.c.endReasons))
		if err != nil {
			return err
		}
		r.EndReason, r.EndReasonForced = p.c.endReasons[i].name, p.c.endReasons[i].forced
	}
	if p.forced != nil && !p.forced.Null(row) {
		r.EndReasonForced = p.forced.Bool(row)
	}
	i, err := indexAt(p.run, row, len(p.c.runs))
	if err != nil {
		return err
	}
	if r.Run = p.c.runs[i]; r.Run == nil {
		return fmt.Errorf("%w: its run is not in the run info table", ErrCorrupt)
	}
	return nil
}

// indexAt reads an index into a dictionary of size values.
func indexAt(a *arrowipc.Array, row, size int) (int, error) {
	i := a.Int(row)
	if a.Null(row) || i < 0 || i >= int64(size) {
		return 0, fmt.Errorf("%w: value %d of the dictionary of %s, which has %d", ErrCorrupt, i, a.Field().Name, size)
	}
	return int(i), nil
}

// signalRowsOf reads the numbers of the rows that hold a read's signal. Writers
// add them in the order of time, so they rise; that also keeps a damaged list
// from naming one row many times.
func signalRowsOf(a *arrowipc.Array, row int) ([]uint64, error) {
	if a.Null(row) {
		return nil, nil
	}
	from, to := a.List(row)
	rows := make([]uint64, to-from)
	for i := range rows {
		v := a.Values().Int(from + i)
		if v < 0 || i > 0 && uint64(v) <= rows[i-1] {
			return nil, fmt.Errorf("%w: its signal rows do not rise", ErrCorrupt)
		}
		rows[i] = uint64(v)
	}
	return rows, nil
}
