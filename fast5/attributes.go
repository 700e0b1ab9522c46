package fast5

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/signal"
)

// attributes reads attributes of a group, whatever their type. err is the first
// failure; an attribute that is not there is none.
type attributes struct {
	group *hdf5.Object
	err   error
}

func (a *attributes) value(name string) (hdf5.Value, bool) {
	v, ok, err := a.group.Attribute(name)
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("attribute %s: %w", name, err)
	}
	return v, ok
}

// text is "" when absent.
func (a *attributes) text(name string) string {
	v, ok := a.value(name)
	if !ok {
		return ""
	}
	return text(v)
}

// int is 0 when absent.
func (a *attributes) int(name string) int64 {
	v, ok := a.value(name)
	switch {
	case !ok:
		return 0
	case v.Kind == hdf5.Float:
		return int64(v.Float)
	case v.Kind == hdf5.Text:
		n, err := strconv.ParseInt(strings.TrimSpace(v.Text), 10, 64)
		if err != nil && a.err == nil {
			a.err = fmt.Errorf("%w: %s %q is no number", ErrCorrupt, name, v.Text)
		}
		return n
	default:
		return v.Int
	}
}

// float is NaN when absent.
func (a *attributes) float(name string) float64 {
	v, ok := a.value(name)
	switch {
	case !ok:
		return math.NaN()
	case v.Kind == hdf5.Float:
		return v.Float
	case v.Kind == hdf5.Text:
		x, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
		if err != nil && a.err == nil {
			a.err = fmt.Errorf("%w: %s %q is no number", ErrCorrupt, name, v.Text)
		}
		return x
	default:
		return float64(v.Int)
	}
}

// numbered are the end reasons by number where a file gives no names, the
// numbering of MinKNOW since 2020.
var numbered = []signal.EndReason{
	signal.EndUnknown, signal.EndUnknown, signal.EndMuxChange, signal.EndUnblockMuxChange, signal.EndDataServiceUnblock,
	signal.EndSignalPositive, signal.EndSignalNegative,
}

// endReason reads why the read ended. Numbers differ between versions, so the
// names in the datatype decide where there are any.
func (a *attributes) endReason() (reason signal.EndReason, forced bool) {
	v, ok := a.value("end_reason")
	reason = signal.EndUnknown
	switch {
	case !ok:
	case v.Kind == hdf5.Int || v.Kind == hdf5.Enum && v.Text == "":
		if v.Int >= 0 && v.Int < int64(len(numbered)) {
			reason = numbered[v.Int]
		}
	case v.Text != "" && v.Text != "partial":
		reason = signal.EndReason(v.Text)
	}
	switch reason {
	case signal.EndMuxChange, signal.EndUnblockMuxChange, signal.EndDataServiceUnblock, signal.EndAPIRequest,
		signal.EndDeviceDataError, signal.EndAnalysisConfigChange, signal.EndPaused:
		forced = true // what the sequencer or its user did, not the molecule
	}
	return reason, forced
}
