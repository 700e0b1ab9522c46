package embed

import (
	"errors"
	"fmt"

	"github.com/porevec/porevec/signal"
)

// ErrNoModel says that no built-in model was trained for a run.
var ErrNoModel = errors.New("no model fits")

// Pick finds the built-in model that was trained on the chemistry of a run. Flow
// cell and kit decide. Where one of them is missing, the other does; a flow cell
// that is named but new leaves the decision only to a kit that was made for one
// pore. Where the run names neither, 5 kHz decides in runs since 2023. Nothing else
// is guessed: a wrong model gives vectors that mean nothing. The refusal is an
// [ErrNoModel] that names what the run says of itself.
func Pick(run *signal.Run) (Model, error) { return pick(builtIn(), run) }

func pick(list []Model, run *signal.Run) (Model, error) {
	cellCode, kitCode := flowCellOf(run), kitOf(run)
	refuse := func(format string, args ...any) (Model, error) {
		return Model{}, fmt.Errorf("%w flow cell %s, kit %s at %s: %s; models: %s; --model overrides the choice",
			ErrNoModel, orUnknown(cellCode), orUnknown(kitCode), rate(run.SampleRateHz), fmt.Sprintf(format, args...), ids(list))
	}
	cell, kit := flowCellChemistry(cellCode), kitChemistry(kitCode)
	chem := cell
	switch {
	case cell == directRNA || kit == directRNA:
		return refuse("direct RNA, the models are for DNA")
	case cell != unknown && kit != unknown && cell != kit:
		return refuse("the flow cell is for %s, the kit for %s", cell, kit)
	case cell == unknown && kit == r941 && cellCode != "":
		return refuse("the kit was sold for several pores and the flow cell is not known")
	case cell == unknown && kit != unknown:
		chem = kit
	case cellCode == "" && kitCode == "" && run.SampleRateHz == 5000 && run.AcquisitionStart.Year() >= 2023:
		// R10.4.1 went to 5 kHz in 2023; before 2016, R7 was read at that rate.
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

func orUnknown(code string) string {
	if code == "" {
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
