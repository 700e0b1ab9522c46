package pod5

import (
	"fmt"
	"time"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/pod5/internal/schema"
	"github.com/porevec/porevec/signal"
)

// maxRuns bounds the run-info table; the index into it has 16 bits.
const maxRuns = 1 << 16

// readRunTable reads the table that files have since 0.0.36.
func readRunTable(t *arrowipc.File) ([]*signal.Run, error) {
	runs := []*signal.Run{}
	for i := range t.Batches() {
		batch, err := t.Batch(i)
		if err != nil {
			return nil, err
		}
		if batch.Rows > int64(maxRuns-len(runs)) {
			return nil, fmt.Errorf("%w: more than %d runs", ErrCorrupt, maxRuns)
		}
		columns := map[string]*arrowipc.Array{}
		for _, name := range schema.RunColumns {
			if field := t.Column(name); field != nil && field.Kind != arrowipc.Other {
				if columns[name], err = batch.Load(field, 0, batch.Rows); err != nil {
					return nil, err
				}
			}
		}
		for row := range int(batch.Rows) {
			runs = append(runs, readRun(func(name string) *arrowipc.Array { return columns[name] }, row))
		}
	}
	return runs, nil
}

// readRun reads one run; what a file lacks stays empty.
func readRun(column func(name string) *arrowipc.Array, row int) *signal.Run {
	text := func(name string) string {
		a := column(name)
		if a == nil || a.Null(row) || !isText(a.Field()) {
			return ""
		}
		return string(a.Bytes(row))
	}
	number := func(name string) int64 {
		a := column(name)
		if a == nil || a.Null(row) || a.Field().Kind != arrowipc.Int {
			return 0
		}
		return a.Int(row)
	}
	moment := func(name string) time.Time {
		a := column(name)
		if a == nil || a.Null(row) || a.Field().Kind != arrowipc.Timestamp {
			return time.Time{}
		}
		return timeOf(a.Int(row), a.Field().Unit)
	}
	return &signal.Run{
		AcquisitionID:       text("acquisition_id"),
		AcquisitionStart:    moment("acquisition_start_time"),
		ProtocolRunID:       text("protocol_run_id"),
		ProtocolName:        text("protocol_name"),
		ProtocolStart:       moment("protocol_start_time"),
		ExperimentName:      text("experiment_name"),
		SampleID:            text("sample_id"),
		FlowCellID:          text("flow_cell_id"),
		FlowCellProductCode: text("flow_cell_product_code"),
		SequencingKit:       text("sequencing_kit"),
		Position:            text("sequencer_position"),
		PositionType:        text("sequencer_position_type"),
		SystemName:          text("system_name"),
		SystemType:          text("system_type"),
		Software:            text("software"),
		SampleRateHz:        uint16(number("sample_rate")),
		ADCMin:              int16(number("adc_min")),
		ADCMax:              int16(number("adc_max")),
		ContextTags:         readMap(column("context_tags"), row),
		TrackingID:          readMap(column("tracking_id"), row),
	}
}

func isText(f *arrowipc.Field) bool {
	return f.Kind == arrowipc.Utf8 || f.Kind == arrowipc.LargeBinary
}

// timeOf turns a timestamp into a time.
func timeOf(v int64, unit arrowipc.TimeUnit) time.Time {
	switch unit {
	case arrowipc.Seconds:
		return time.Unix(v, 0).UTC()
	case arrowipc.Milliseconds:
		return time.UnixMilli(v).UTC()
	case arrowipc.Microseconds:
		return time.UnixMicro(v).UTC()
	default:
		return time.Unix(0, v).UTC()
	}
}

// readMap reads a map of texts; nil when the column is absent or something else.
func readMap(a *arrowipc.Array, row int) map[string]string {
	if a == nil || a.Field().Kind != arrowipc.Map || a.Null(row) {
		return nil
	}
	keys, values := a.Values().Child("key"), a.Values().Child("value")
	if keys == nil || values == nil || !isText(keys.Field()) || !isText(values.Field()) {
		return nil
	}
	from, to := a.List(row)
	m := make(map[string]string, to-from)
	for i := from; i < to; i++ {
		if values.Null(i) {
			m[string(keys.Bytes(i))] = ""
		} else {
			m[string(keys.Bytes(i))] = string(values.Bytes(i))
		}
	}
	return m
}
