package report

import "encoding/json"

// summaryObject is the JSON form of a summary.
type summaryObject struct {
	Reads         int            `json:"reads"`
	Called        int            `json:"reads_called"`
	NotCalled     int            `json:"reads_not_called"`
	Decoy         int            `json:"reads_decoy"`
	Nothing       int            `json:"reads_nothing_found"`
	Unsure        int            `json:"reads_unsure"`
	ExpectedFalse float64        `json:"expected_false"`
	MedianSeconds *float64       `json:"median_read_seconds"`
	Targets       []targetObject `json:"targets"`
}

type targetObject struct {
	Target          string   `json:"target"`
	Length          int      `json:"length"`
	Reads           int      `json:"reads"`
	Share           float64  `json:"share"`
	MeanProbability *float64 `json:"mean_probability"`
	BasesCovered    int      `json:"bases_covered"`
	MeanDepth       float64  `json:"mean_depth"`
	ReadsAlong      []int    `json:"reads_along"`
}

// JSON is the summary as one object, without a line feed. Reads not called are
// those that a decoy explains better than any target (reads_decoy), those that
// nothing speaks for, and the unsure rest. expected_false is the number of called
// reads that are likely to be called wrongly: the sum of 1-probability.
// median_read_seconds is how long a called read was heard, null if there is none.
//
// Targets come with the most reads first, those without any too: length in bases,
// share of all reads from 0 to 1, mean probability of its reads (null without any),
// bases_covered by at least one read, mean_depth of reads over its bases, and
// reads_along: how many reads have their middle in each of equal parts of the target.
func (s *Summary) JSON() []byte {
	out := summaryObject{
		Reads: s.reads, Called: s.called, NotCalled: s.reads - s.called,
		Decoy: s.decoy, Nothing: s.nothing, Unsure: s.unsure,
		ExpectedFalse: s.expectedFalse, MedianSeconds: orNull(s.medianReadSeconds()),
		Targets: []targetObject{},
	}
	for _, g := range s.ranked() {
		out.Targets = append(out.Targets, targetObject{
			Target: g.Name, Length: g.Length, Reads: g.reads, Share: ratio(float64(g.reads), float64(s.reads)),
			MeanProbability: orNull(g.probabilities / float64(g.reads)),
			BasesCovered:    g.covered.bases(), MeanDepth: g.depth(), ReadsAlong: g.along,
		})
	}
	object, _ := json.Marshal(out) // no figure is NaN
	return object
}

// orNull gives what JSON writes as null for NaN.
func orNull(f float64) *float64 {
	if !finite(f) {
		return nil
	}
	return &f
}
