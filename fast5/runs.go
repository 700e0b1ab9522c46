package fast5

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/signal"
)

// run finds the run of a read: one for all reads of an acquisition.
func (f *File) run(group, tags *hdf5.Object, rateHz float64, r *Read) (*signal.Run, error) {
	var tracking, context *hdf5.Object
	if tags != nil {
		var err error
		if tracking, err = tags.Child("tracking_id"); err != nil {
			return nil, err
		}
		if context, err = tags.Child("context_tags"); err != nil {
			return nil, err
		}
	}
	r.PoreType = "not_set"
	a := attributes{group, nil}
	if t := a.text("pore_type"); t != "" {
		r.PoreType = t
	}
	id := a.text("run_id")
	if a.err != nil {
		return nil, a.err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rate := uint16(0)
	if rateHz > 0 { // a rate that is not known is NaN
		rate = uint16(math.Round(rateHz))
	}
	if tracking != nil {
		if run, known := f.runOf[tracking.Address]; known && (id == "" || id == run.AcquisitionID) && run.SampleRateHz == rate {
			return run, nil
		}
	}
	run := makeRun(id, tagsOf(tracking), tagsOf(context), rate, r.digits)
	at := slices.IndexFunc(f.runs, func(k *signal.Run) bool { return k.AcquisitionID == run.AcquisitionID && k.SampleRateHz == rate })
	if at >= 0 {
		run = f.runs[at]
	} else {
		f.runs = append(f.runs, run)
	}
	if tracking != nil && len(f.runOf) < maxKnownTags {
		f.runOf[tracking.Address] = run
	}
	return run, nil
}

// maxKnownTags bounds what is remembered of groups of tags. Files without links
// have a group per read.
const maxKnownTags = 1 << 14

// tagsOf reads all attributes of a group as texts. What cannot be read is left
// out: nothing depends on it.
func tagsOf(group *hdf5.Object) map[string]string {
	tags := map[string]string{}
	if group == nil {
		return tags
	}
	for _, name := range group.AttributeNames() {
		if v, ok, err := group.Attribute(name); err == nil && ok {
			tags[name] = text(v)
		}
	}
	return tags
}

// makeRun maps tags to a run as the converters to POD5 do.
func makeRun(id string, tracking, context map[string]string, rateHz uint16, digits float64) *signal.Run {
	if id == "" {
		id = tracking["run_id"]
	}
	run := &signal.Run{
		AcquisitionID:       id,
		AcquisitionStart:    moment(tracking["exp_start_time"]),
		ProtocolRunID:       tracking["protocol_run_id"],
		ProtocolName:        tracking["exp_script_name"],
		ProtocolStart:       moment(tracking["protocol_start_time"]),
		ExperimentName:      tracking["protocol_group_id"],
		SampleID:            tracking["sample_id"],
		FlowCellID:          tracking["flow_cell_id"],
		FlowCellProductCode: tracking["flow_cell_product_code"],
		SequencingKit:       context["sequencing_kit"],
		Position:            tracking["device_id"],
		PositionType:        tracking["device_type"],
		SystemName:          tracking["host_product_serial_number"],
		SystemType:          tracking["host_product_code"],
		Software:            tracking["version"],
		SampleRateHz:        rateHz,
		ADCMax:              2047,
		ContextTags:         context,
		TrackingID:          tracking,
	}
	if digits == 8192 {
		run.ADCMin, run.ADCMax = -4096, 4095
	}
	return run
}

// moment reads ISO 8601, or seconds since 1970 as in files of 2016; the epoch when it is neither.
func moment(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	seconds, _ := strconv.ParseInt(text, 10, 64) // 0 when it is no number
	return time.Unix(seconds, 0).UTC()
}
