package watchlist

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Alert says that a group of the list was seen. encoding/json gives the form in
// which services get it.
type Alert struct {
	Run     string `json:"run"` // acquisition id
	Group   string `json:"group"`
	Message string `json:"message"`
	// Reads that count, and the probability that at least one of them is right.
	Reads       int     `json:"reads"`
	Probability float64 `json:"probability"`
	// Targets that they come from, the one with most reads first.
	Targets []TargetReads `json:"targets"`
	// Seconds of sequencing after which the rule was fulfilled, from the start of the
	// acquisition; 0 without a sample rate. Of answers that come in another order than
	// that of time, it is the time of the latest read that was needed.
	Seconds float64 `json:"seconds"`
	// ReadIDs are the first 100 reads that counted, as they came.
	ReadIDs []string `json:"read_ids"`
}

// TargetReads is how many reads of an alert come from a target.
type TargetReads struct {
	Target string `json:"target"`
	Reads  int    `json:"reads"`
}

// byReads orders targets by reads and then by name.
func byReads(hits map[string]int) []TargetReads {
	out := make([]TargetReads, 0, len(hits))
	for _, target := range slices.Sorted(maps.Keys(hits)) {
		out = append(out, TargetReads{target, hits[target]})
	}
	slices.SortStableFunc(out, func(a, b TargetReads) int { return cmp.Compare(b.Reads, a.Reads) })
	return out
}

// shownTargets is how many targets an alert's line has room for.
const shownTargets = 5

// String is the alert as one line:
//
//	ALERT Yersinia pestis: 3 reads (NC_003143.1 ×3), 41.2 s of sequencing; call the duty officer
func (a Alert) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ALERT %s: %d %s (", oneLine(a.Group), a.Reads, plural("read", a.Reads))
	for i, t := range a.Targets {
		if i == shownTargets {
			rest := len(a.Targets) - shownTargets
			fmt.Fprintf(&b, " and %d more %s", rest, plural("target", rest))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s ×%d", oneLine(t.Target), t.Reads)
	}
	b.WriteByte(')')
	if a.Seconds > 0 {
		fmt.Fprintf(&b, ", %.1f s of sequencing", a.Seconds)
	}
	if a.Message != "" {
		fmt.Fprintf(&b, "; %s", oneLine(a.Message))
	}
	return b.String()
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
