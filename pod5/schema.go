package pod5

import (
	"fmt"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
)

// The columns of the tables that Writer makes: layout v4.

func uuidField(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.FixedBinary, Width: markerSize, Extension: "minknow.uuid"}
}

func uintField(name string, bits int) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: bits / 8}
}

func floatField(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Float, Width: 4}
}

func textField(name string) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Utf8}
}

// dictField is a column of 16-bit indices into a dictionary of values.
func dictField(name string, id int64, values *arrowipc.Field) *arrowipc.Field {
	return &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: 2, Signed: true, DictionaryID: id, Dictionary: values}
}

func signalFields() []*arrowipc.Field {
	return []*arrowipc.Field{
		uuidField("read_id"),
		{Name: "signal", Kind: arrowipc.LargeBinary, Extension: "minknow.vbz"},
		uintField("samples", 32),
	}
}

// runFields follow runColumns.
func runFields() []*arrowipc.Field {
	fields := make([]*arrowipc.Field, len(runColumns))
	for i, name := range runColumns {
		switch name {
		case "acquisition_start_time", "protocol_start_time":
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Timestamp, Width: 8, Signed: true, Unit: arrowipc.Milliseconds}
		case "adc_max", "adc_min":
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Int, Width: 2, Signed: true}
		case "context_tags", "tracking_id":
			key := textField("key")
			key.NotNull = true
			fields[i] = &arrowipc.Field{Name: name, Kind: arrowipc.Map, Children: []*arrowipc.Field{{
				Name: "entries", Kind: arrowipc.Struct, NotNull: true, Children: []*arrowipc.Field{key, textField("value")},
			}}}
		case "sample_rate":
			fields[i] = uintField(name, 16)
		default:
			fields[i] = textField(name)
		}
	}
	return fields
}

// Dictionaries of the reads table.
const (
	poreTypeDict int64 = iota
	endReasonDict
	runDict
)

func readFields() []*arrowipc.Field {
	return []*arrowipc.Field{
		uuidField("read_id"),
		{Name: "signal", Kind: arrowipc.List, Children: []*arrowipc.Field{uintField("item", 64)}},
		uintField("read_number", 32),
		uintField("start", 64),
		floatField("median_before"),
		uintField("num_minknow_events", 64),
		floatField("tracked_scaling_scale"),
		floatField("tracked_scaling_shift"),
		floatField("predicted_scaling_scale"),
		floatField("predicted_scaling_shift"),
		uintField("num_reads_since_mux_change", 32),
		floatField("time_since_mux_change"),
		uintField("num_samples", 64),
		uintField("channel", 16),
		uintField("well", 8),
		dictField("pore_type", poreTypeDict, textField("pore_type")),
		floatField("calibration_offset"),
		floatField("calibration_scale"),
		dictField("end_reason", endReasonDict, textField("end_reason")),
		{Name: "end_reason_forced", Kind: arrowipc.Bool},
		dictField("run_info", runDict, textField("run_info")),
		floatField("open_pore_level"),
	}
}

// layoutVersion is the version that readers take layout v4 from.
const layoutVersion = "0.3.39"

// tableMetadata stands in the schema of each table of a file.
func tableMetadata(id [markerSize]byte, software string) []arrowipc.KeyValue {
	return []arrowipc.KeyValue{
		{Key: "MINKNOW:file_identifier", Value: uuidText(id)},
		{Key: "MINKNOW:software", Value: software},
		{Key: "MINKNOW:pod5_version", Value: layoutVersion},
	}
}

func uuidText(id [markerSize]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// newColumns makes an empty column for each field.
func newColumns(fields []*arrowipc.Field) []*arrowipc.Column {
	columns := make([]*arrowipc.Column, len(fields))
	for i, f := range fields {
		columns[i] = arrowipc.NewColumn(f)
	}
	return columns
}
