package watchlist

import (
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/signal"
)

// Watch follows the answers of a search. Runs are counted apart. It remembers the
// ids of the reads that count and little else. Not safe for concurrent use.
type Watch struct {
	list    *List
	watched map[string][]int // target to the groups that watch for it
	runs    map[string][]tally
	order   []string // of the runs
}

// NewWatch prepares to watch for the groups of a list among the targets of an index.
// Its error is that of [List.Check].
func NewWatch(list *List, targets []string) (*Watch, error) {
	if err := list.Check(targets); err != nil {
		return nil, err
	}
	w := &Watch{list: list, watched: map[string][]int{}, runs: map[string][]tally{}}
	for _, target := range targets {
		for i := range list.groups {
			if list.groups[i].covers(target) {
				w.watched[target] = append(w.watched[target], i)
			}
		}
	}
	return w, nil
}

// Add takes an answer and gives the alerts that it raises; a group's alert is raised
// once in a run. Only final answers count, and each read once. What matters is how
// probable the target is, wherever on it the read lies.
func (w *Watch) Add(a *search.Answer) []Alert {
	if !a.Final {
		return nil
	}
	run := ""
	if a.Run != nil {
		run = a.Run.AcquisitionID
	}
	tallies := w.run(run)
	if !a.Found {
		return nil
	}
	var alerts []Alert
	for _, i := range w.watched[a.Place.Target] {
		rule, t := &w.list.groups[i], &tallies[i]
		before := t.raised
		if !(a.TargetProbability >= rule.Probability) || !t.add(a.ReadID, a.Place.Target, a.TargetProbability, a.Seconds(), rule) {
			continue
		}
		if t.raised && !before {
			alerts = append(alerts, newAlert(run, rule, t))
		}
	}
	return alerts
}

// run finds or makes the tallies of a run, one per group.
func (w *Watch) run(id string) []tally {
	if tallies, ok := w.runs[id]; ok {
		return tallies
	}
	tallies := make([]tally, len(w.list.groups))
	for i := range tallies {
		tallies[i] = tally{reads: map[signal.ReadID]struct{}{}, hits: map[string]int{}}
	}
	w.runs[id] = tallies
	w.order = append(w.order, id)
	return tallies
}

// Result is what a group came to in a run.
type Result struct {
	// Raised says that the rule was fulfilled.
	Raised bool `json:"raised"`
	// Alert as it reads with all reads that count, raised or not. Its Seconds is the
	// earliest time at which the rule was fulfilled, the reads taken in the order of
	// time, whatever the order in which they came; 0 where it was not.
	Alert Alert `json:"alert"`
}

// Result gives all groups of the list for each run that had an answer, in the order
// of the runs' first answers.
func (w *Watch) Result() []Result {
	var out []Result
	for _, run := range w.order {
		for i := range w.list.groups {
			t := &w.runs[run][i]
			out = append(out, Result{Raised: t.raised, Alert: newAlert(run, &w.list.groups[i], t)})
		}
	}
	return out
}

func newAlert(run string, rule *group, t *tally) Alert {
	return Alert{
		Run: run, Group: rule.Name, Message: rule.Message,
		Reads: len(t.reads), Probability: anyRight(t.logWrong), Targets: byReads(t.hits),
		Seconds: t.seconds(), ReadIDs: append([]string{}, t.first...),
	}
}
