package embed

import (
	"regexp"
	"strings"

	"github.com/porevec/porevec/signal"
)

// Old runs name flow cell and kit in no field of their own, but in the name of
// their protocol, e.g. NC_48Hr_Sequencing_Run_FLO-MIN106_SQK-LSK108.py.
var (
	flowCellInText = regexp.MustCompile(`(?i)FLO-[A-Z0-9]+`)
	kitInText      = regexp.MustCompile(`(?i)[SV][A-Z]K-[A-Z0-9]+(-[A-Z0-9]+)*`)
)

// flowCellOf is the run's product code, or "" where it says none.
func flowCellOf(run *signal.Run) string {
	return firstKnown(run.FlowCellProductCode, run.ContextTags["flowcell_type"],
		flowCellInText.FindString(run.ProtocolName), flowCellInText.FindString(run.TrackingID["exp_script_name"]))
}

// kitOf is the run's sequencing kit, or "" where it says none.
func kitOf(run *signal.Run) string {
	return firstKnown(run.SequencingKit, run.ContextTags["sequencing_kit"],
		kitInText.FindString(run.ProtocolName), kitInText.FindString(run.TrackingID["exp_script_name"]))
}

// firstKnown skips the words that stand for a code that is not known.
func firstKnown(codes ...string) string {
	for _, code := range codes {
		code = strings.TrimSpace(code)
		switch strings.ToLower(code) {
		case "", "unknown", "none", "n/a", "na", "not_set":
		default:
			return code
		}
	}
	return ""
}
