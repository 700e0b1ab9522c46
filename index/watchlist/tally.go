package watchlist

import (
	"cmp"
	"math"
	"slices"

	"github.com/porevec/porevec/signal"
)

// tally is what is known of one group in one run.
type tally struct {
	reads    map[signal.ReadID]struct{} // that count
	first    []string                   // the first of them
	hits     map[string]int             // reads by target
	logWrong float64                    // of the probability that none of them is right

	// evidence holds the earliest reads that count, ordered by time, up to the one
	// that fulfils the rule: a later read can change nothing about when that was. So
	// there are never more than the rule's number of reads.
	evidence []evidence
	raised   bool
}

// evidence is one read that counts.
type evidence struct {
	seconds  float64
	logWrong float64 // of the probability that the read is not right
}

// idsKept bounds an alert's list of reads.
const idsKept = 100

// add counts a read, once; false: it did already.
func (t *tally) add(id signal.ReadID, target string, probability, seconds float64, rule *group) bool {
	if _, known := t.reads[id]; known {
		return false
	}
	t.reads[id] = struct{}{}
	if len(t.first) < idsKept {
		t.first = append(t.first, id.String())
	}
	t.hits[target]++
	e := evidence{seconds, math.Log1p(-min(probability, 1))}
	t.logWrong += e.logWrong
	t.weigh(e, rule)
	return true
}

// weigh puts the read in its place and finds the earliest one that fulfils the rule.
func (t *tally) weigh(e evidence, rule *group) {
	at, _ := slices.BinarySearchFunc(t.evidence, e, func(a, b evidence) int {
		return cmp.Or(cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.logWrong, b.logWrong))
	})
	if t.raised && at == len(t.evidence) {
		return
	}
	t.evidence = slices.Insert(t.evidence, at, e)
	sum := 0.0
	for i, e := range t.evidence {
		sum += e.logWrong
		if i+1 >= rule.Reads || rule.Any != nil && anyRight(sum) >= *rule.Any {
			t.evidence, t.raised = t.evidence[:i+1], true
			return
		}
	}
}

// seconds at which the rule was fulfilled; 0: it is not.
func (t *tally) seconds() float64 {
	if !t.raised {
		return 0
	}
	return t.evidence[len(t.evidence)-1].seconds
}

// anyRight turns the logarithm of all being wrong into the probability of the
// opposite, without losing small ones.
func anyRight(logWrong float64) float64 { return 0 - math.Expm1(logWrong) }
