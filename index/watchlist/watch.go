package watchlist

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/signal"
)

// Watch applies the rules of a list to answers. Runs are watched each for itself.
type Watch struct {
	groups   []group
	groupsOf map[string][]int // by target
	watched  map[key]*state
}

type key struct {
	run   string
	group int
}

// Watch prepares the rules for an index with these targets. A name that no target
// has is an error: its alarm could never be raised.
func (l *List) Watch(targets []string) (*Watch, error) {
	w := &Watch{groups: l.groups, groupsOf: make(map[string][]int), watched: make(map[key]*state)}
	var problems []error
	for i, g := range l.groups {
		for _, pattern := range g.Targets {
			found := false
			for _, target := range targets {
				if matches(pattern, target) {
					found = true
					if !slices.Contains(w.groupsOf[target], i) {
						w.groupsOf[target] = append(w.groupsOf[target], i)
					}
				}
			}
			if !found {
				problems = append(problems, fmt.Errorf("group %q: no target of the index is called %q", g.Name, pattern))
			}
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("watch list %s: %w", l.path, errors.Join(problems...))
	}
	return w, nil
}

// Alert tells that a rule was fulfilled. Its JSON form is what is published.
type Alert struct {
	Run     string         `json:"run"`
	Group   string         `json:"group"`
	Message string         `json:"message,omitempty"`
	Reads   int            `json:"reads"`
	Targets map[string]int `json:"targets"` // reads of each
	// Probability that any of the reads is right.
	Probability float64 `json:"probability"`
	// Seconds of sequencing, from the start of the acquisition to the end of the
	// chunk that decided.
	Seconds float64 `json:"seconds"`
	// ReadIDs of the first 100 reads.
	ReadIDs []string `json:"read_ids"`
}

// mostIDs is how many reads an alert names.
const mostIDs = 100

// String is a line for a terminal.
func (a Alert) String() string {
	text := fmt.Sprintf("ALERT %s: %s after %.1f s of sequencing", a.Group, a.reads(), a.Seconds)
	if a.Message != "" {
		text += "; " + a.Message
	}
	return text
}

func (a Alert) reads() string {
	targets := slices.SortedFunc(maps.Keys(a.Targets), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.Targets[y], a.Targets[x]), strings.Compare(x, y))
	})
	for i, t := range targets {
		targets[i] = fmt.Sprintf("%s ×%d", clean(t), a.Targets[t])
	}
	things := "reads"
	if a.Reads == 1 {
		things = "read"
	}
	if len(targets) == 0 {
		return "0 reads"
	}
	return fmt.Sprintf("%d %s (%s)", a.Reads, things, strings.Join(targets, ", "))
}

// state is what one run has of one group.
type state struct {
	alert  Alert
	counts []counted
	sum    evidence
	seen   map[signal.ReadID]bool
	raised bool
}

// counted is a read that counts.
type counted struct {
	seconds  float64
	logWrong float64 // logarithm of the probability of an error
}

// evidence is what reads say together.
type evidence struct {
	reads    int
	logWrong float64 // of all of them
}

func (e *evidence) add(c counted) { e.reads, e.logWrong = e.reads+1, e.logWrong+c.logWrong }

// anyRight is the probability that any of the reads is right.
func (e *evidence) anyRight() float64 { return -math.Expm1(e.logWrong) }

// Add takes in an answer and gives the alarms that it raises: one per run and group.
// Only final answers about called reads count, and each read once.
func (w *Watch) Add(a *search.Answer) []Alert {
	if !a.Final || !a.Called || a.Run == nil {
		return nil
	}
	var alerts []Alert
	for _, at := range w.groupsOf[a.Place.Target] {
		g := &w.groups[at]
		if a.TargetProbability < orElse(g.Probability, defaultProbability) {
			continue
		}
		s := w.state(a.Run.AcquisitionID, at)
		if s.seen[a.ReadID] {
			continue
		}
		s.count(a)
		if !s.raised && g.fulfilled(s.sum) {
			s.raised = true
			s.alert.Seconds = a.Seconds()
			alerts = append(alerts, s.alert.copy())
		}
	}
	return alerts
}

func (w *Watch) state(run string, at int) *state {
	k := key{run, at}
	s := w.watched[k]
	if s == nil {
		g := &w.groups[at]
		s = &state{alert: Alert{Run: run, Group: g.Name, Message: g.Message, Targets: make(map[string]int)}, seen: make(map[signal.ReadID]bool)}
		w.watched[k] = s
	}
	return s
}

func (s *state) count(a *search.Answer) {
	s.seen[a.ReadID] = true
	c := counted{a.Seconds(), math.Log(max(1-a.TargetProbability, math.SmallestNonzeroFloat64))}
	s.counts = append(s.counts, c)
	s.sum.add(c)
	s.alert.Reads++
	s.alert.Targets[a.Place.Target]++
	s.alert.Probability = s.sum.anyRight()
	if len(s.alert.ReadIDs) < mostIDs {
		s.alert.ReadIDs = append(s.alert.ReadIDs, a.ReadID.String())
	}
}

func (a Alert) copy() Alert {
	a.Targets, a.ReadIDs = maps.Clone(a.Targets), slices.Clone(a.ReadIDs)
	return a
}

// fulfilled says whether that is enough.
func (g *group) fulfilled(e evidence) bool {
	return e.reads >= orElse(g.Reads, defaultReads) || g.Any != nil && e.anyRight() >= *g.Any
}

func orElse[T any](value *T, otherwise T) T {
	if value != nil {
		return *value
	}
	return otherwise
}

// Result is what a run had of a group in the end.
type Result struct {
	Alert
	Raised bool `json:"raised"`
}

// Results are those of each run and group, in the order of the list. A replay goes
// through files, not through time: Seconds is how long the sequencing had to go on
// until reads enough had been heard, in the order of time.
func (w *Watch) Results() []Result {
	var results []Result
	runs := make(map[string]bool)
	for k := range w.watched {
		runs[k.run] = true
	}
	if len(runs) == 0 {
		runs[""] = true
	}
	for _, run := range slices.Sorted(maps.Keys(runs)) {
		for i := range w.groups {
			r := Result{Alert: Alert{Run: run, Group: w.groups[i].Name, Message: w.groups[i].Message, Targets: map[string]int{}}}
			if s := w.watched[key{run, i}]; s != nil {
				r.Alert, r.Raised = s.alert.copy(), s.raised
				r.Seconds = w.groups[i].earliest(s.counts)
			}
			results = append(results, r)
		}
	}
	return results
}

// earliest is when the rule was fulfilled in the order of time; 0: never.
func (g *group) earliest(counts []counted) float64 {
	sorted := slices.SortedFunc(slices.Values(counts), func(a, b counted) int { return cmp.Compare(a.seconds, b.seconds) })
	var sum evidence
	for _, c := range sorted {
		if sum.add(c); g.fulfilled(sum) {
			return c.seconds
		}
	}
	return 0
}

// String is a line for a terminal.
func (r Result) String() string {
	if r.Raised {
		return r.Alert.String()
	}
	return fmt.Sprintf("quiet %s: %s", r.Group, r.reads())
}
