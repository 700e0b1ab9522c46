package embed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/porevec/porevec/signal"
)

// ErrNoModel says that no built-in model was trained for a run.
var ErrNoModel = errors.New("no model fits")

// Pick finds the built-in model that was trained on the chemistry of a run. Flow
// cell and kit decide; where one of them is missing or new, the other does; where
// the run names neither, 5 kHz means R10.4.1, the only chemistry read at that rate.
// Nothing else is guessed: a wrong model gives vectors that mean nothing. The
// refusal is an [ErrNoModel] that names what the run says of itself.
func Pick(run *signal.Run) (Model, error) { return pick(builtIn(), run) }

func pick(list []Model, run *signal.Run) (Model, error) {
	refuse := func(format string, args ...any) (Model, error) {
		return Model{}, fmt.Errorf("%w flow cell %s, kit %s at %s: %s; models: %s; --model overrides the choice",
			ErrNoModel, orUnknown(run.FlowCellProductCode), orUnknown(run.SequencingKit), rate(run.SampleRateHz),
			fmt.Sprintf(format, args...), ids(list))
	}
	cell, kit := flowCellChemistry(run.FlowCellProductCode), kitChemistry(run.SequencingKit)
	chem := cell
	switch {
	case cell == directRNA || kit == directRNA:
		return refuse("direct RNA, the models are for DNA")
	case cell != unknown && kit != unknown && cell != kit:
		return refuse("the flow cell is for %s, the kit for %s", cell, kit)
	case cell == unknown && kit != unknown:
		chem = kit
	case cell == unknown && missing(run.FlowCellProductCode) && missing(run.SequencingKit) && run.SampleRateHz == 5000:
		chem = r1041
	case cell == unknown:
		return refuse("this does not tell the chemistry")
	}
	var best *Model
	for i := range list {
		if m := &list[i]; m.Chemistry == string(chem) && (best == nil || m.Version > best.Version) {
			best = m
		}
	}
	if best == nil {
		return refuse("%s has no model", chem)
	}
	if run.SampleRateHz != 0 && int(run.SampleRateHz) != best.SampleRateHz {
		return refuse("the model of %s is for %d Hz", chem, best.SampleRateHz)
	}
	return *best, nil
}

// missing knows how files say that they do not know a code.
func missing(code string) bool {
	switch strings.ToLower(strings.TrimSpace(code)) {
	case "", "unknown", "none", "n/a", "na", "not_set":
		return true
	}
	return false
}

func orUnknown(code string) string {
	if missing(code) {
		return "unknown"
	}
	return code
}

func rate(hz uint16) string {
	if hz == 0 {
		return "an unknown rate"
	}
	return fmt.Sprintf("%d Hz", hz)
}
