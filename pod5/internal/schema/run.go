package schema

import (
	"maps"
	"slices"

	"github.com/porevec/porevec/pod5/internal/arrowipc"
	"github.com/porevec/porevec/signal"
)

// RunColumns are the columns of the run-info table and, in older files, the fields of the
// run_info dictionary.
var RunColumns = []string{
	"acquisition_id", "acquisition_start_time", "adc_max", "adc_min", "context_tags", "experiment_name",
	"flow_cell_id", "flow_cell_product_code", "protocol_name", "protocol_run_id", "protocol_start_time",
	"sample_id", "sample_rate", "sequencing_kit", "sequencer_position", "sequencer_position_type",
	"software", "system_name", "system_type", "tracking_id",
}

// AddRun fills a row of columns that follow RunColumns.
func AddRun(list []*arrowipc.Column, r *signal.Run) {
	columns := Row(list)
	columns.Next().Text(r.AcquisitionID)
	columns.Next().Int(r.AcquisitionStart.UnixMilli())
	columns.Next().Int(int64(r.ADCMax))
	columns.Next().Int(int64(r.ADCMin))
	addMap(columns.Next(), r.ContextTags)
	columns.Next().Text(r.ExperimentName)
	columns.Next().Text(r.FlowCellID)
	columns.Next().Text(r.FlowCellProductCode)
	columns.Next().Text(r.ProtocolName)
	columns.Next().Text(r.ProtocolRunID)
	columns.Next().Int(r.ProtocolStart.UnixMilli())
	columns.Next().Text(r.SampleID)
	columns.Next().Int(int64(r.SampleRateHz))
	columns.Next().Text(r.SequencingKit)
	columns.Next().Text(r.Position)
	columns.Next().Text(r.PositionType)
	columns.Next().Text(r.Software)
	columns.Next().Text(r.SystemName)
	columns.Next().Text(r.SystemType)
	addMap(columns.Next(), r.TrackingID)
}

func addMap(c *arrowipc.Column, m map[string]string) {
	entries := c.Child(0)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entries.Child(0).Text(key)
		entries.Child(1).Text(m[key])
		entries.Struct()
	}
	c.List()
}
