// Package schema names the tables of POD5 files and their columns, for those who
// write them.
package schema

import (
	"fmt"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
)

// Signature is at both ends of a file.
const Signature = "\x8bPOD\r\n\x1a\n"

// IDSize is the length of the identifiers of files and reads.
const IDSize = 16

// Content numbers the tables that a file may embed.
type Content int16

// The kinds that are read.
const (
	ReadsTable  Content = 0
	SignalTable Content = 1
	RunTable    Content = 4
)

// UUID is a column of identifiers.
func UUID(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.FixedBinary, Width: IDSize, Extension: "minknow.uuid"}
}

// Uint is a column of unsigned numbers.
func Uint(name string, bits int) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: bits / 8}
}

// Float is a column of float32.
func Float(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Float, Width: 4}
}

// Text is a column of texts.
func Text(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Utf8}
}

// Dict is a column of 16-bit indices into a dictionary of values.
func Dict(name string, id int64, values *arrowipc.Field) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: 2, Signed: true, DictionaryID: id, Dictionary: values}
}

// SignalFields are the columns of the signal table.
func SignalFields() []*arrowipc.Field {
	return []*arrowipc.Field{
		UUID("read_id"),
		{Name: "signal", Kind: arrowipc.LargeBinary, Extension: "minknow.vbz"},
		Uint("samples", 32),
	}
}

// RunFields follow RunColumns.
func RunFields() []*arrowipc.Field {
	fields := make([]*arrowipc.Field, len(RunColumns))
	for i, name := range RunColumns {
		switch name {
		case "acquisition_start_time", "protocol_start_time":
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Timestamp, Width: 8, Signed: true, Unit: arrowipc.Milliseconds}
		case "adc_max", "adc_min":
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: 2, Signed: true}
		case "context_tags", "tracking_id":
			key := Text("key")
			key.NotNull = true
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Map, Children: []*arrowipc.Field{{
				Name: "entries", Kind: arrowipc.Struct, NotNull: true, Children: []*arrowipc.Field{key, Text("value")},
			}}}
		case "sample_rate":
			fields[i] = Uint(name, 16)
		default:
			fields[i] = Text(name)
		}
	}
	return fields
}

// Dictionaries of the reads table.
const (
	PoreTypeDict int64 = iota
	EndReasonDict
	RunDict
)

// ReadFields are the columns of the reads table of layout v4.
func ReadFields() []*arrowipc.Field {
	return []*arrowipc.Field{
		UUID("read_id"),
		{Name: "signal", Kind: arrowipc.List, Children: []*arrowipc.Field{Uint("item", 64)}},
		Uint("read_number", 32),
		Uint("start", 64),
		Float("median_before"),
		Uint("num_minknow_events", 64),
		Float("tracked_scaling_scale"),
		Float("tracked_scaling_shift"),
		Float("predicted_scaling_scale"),
		Float("predicted_scaling_shift"),
		Uint("num_reads_since_mux_change", 32),
		Float("time_since_mux_change"),
		Uint("num_samples", 64),
		Uint("channel", 16),
		Uint("well", 8),
		Dict("pore_type", PoreTypeDict, Text("pore_type")),
		Float("calibration_offset"),
		Float("calibration_scale"),
		Dict("end_reason", EndReasonDict, Text("end_reason")),
		{Name: "end_reason_forced", Kind: arrowipc.Bool},
		Dict("run_info", RunDict, Text("run_info")),
		Float("open_pore_level"),
	}
}

// LayoutVersion is the version that readers take layout v4 from.
const LayoutVersion = "0.3.39"

// Metadata stands in the schema of each table of a file.
func Metadata(id [IDSize]byte, software string) []arrowipc.KeyValue {
	return []arrowipc.KeyValue{
		{Key: "MINKNOW:file_identifier", Value: UUIDText(id)},
		{Key: "MINKNOW:software", Value: software},
		{Key: "MINKNOW:pod5_version", Value: LayoutVersion},
	}
}

// UUIDText is the usual text form.
func UUIDText(id [IDSize]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// NewColumns makes an empty column for each field.
func NewColumns(fields []*arrowipc.Field) []*arrowipc.Column {
	columns := make([]*arrowipc.Column, len(fields))
	for i, f := range fields {
		columns[i] = arrowipc.NewColumn(f)
	}
	return columns
}

// Row hands out columns in order, so that a row is filled from left to right.
type Row []*arrowipc.Column

// Next is the column to fill next.
func (s *Row) Next() *arrowipc.Column {
	c := (*s)[0]
	*s = (*s)[1:]
	return c
}
