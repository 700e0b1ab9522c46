package report

import (
	"math"
	"slices"

	"github.com/porevec/porevec/index/search"
)

// Target is a sequence of the index.
type Target struct {
	Name   string
	Length int // bases
}

// Summary gathers the final answers of a run: how many reads each target got and
// where on it, how many reads got none, and how much of it to believe. Not safe for
// concurrent use.
type Summary struct {
	targets []*gathered // in the order of the index
	byName  map[string]*gathered
	bins    int

	reads, called          int
	decoy, nothing, unsure int // reads not called, by reason
	expectedFalse          float64
	readSeconds            []float64 // of the called
}

// gathered is what is known of one target.
type gathered struct {
	Target
	reads         int
	probabilities float64 // their sum
	bases         int     // under all reads, those under several as often
	covered       coverage
	along         []int // reads by where their middle lies
}

// plotBins is how wide a plot is unless told otherwise.
const plotBins = 40

// NewSummary prepares for the targets of an index, all of which will be reported. A
// target's plot is bins wide; below 1 stands for 40.
func NewSummary(targets []Target, bins int) *Summary {
	if bins < 1 {
		bins = plotBins
	}
	s := &Summary{byName: make(map[string]*gathered, len(targets)), bins: bins}
	for _, t := range targets {
		s.target(t)
	}
	return s
}

// target finds or makes the entry of a target.
func (s *Summary) target(t Target) *gathered {
	if g := s.byName[t.Name]; g != nil {
		return g
	}
	g := &gathered{Target: t, along: make([]int, s.bins)}
	s.targets = append(s.targets, g)
	s.byName[t.Name] = g
	return g
}

// Add counts an answer. Answers that are not final are passed over: of each read
// one, the final one, is to be counted.
func (s *Summary) Add(a *search.Answer) {
	if !a.Final {
		return
	}
	s.reads++
	switch {
	case a.Called && a.Found:
		s.call(a)
	case a.LeadNats < 0:
		s.decoy++
	case a.Found:
		s.unsure++
	default:
		s.nothing++
	}
}

func (s *Summary) call(a *search.Answer) {
	p := 0.0 // a probability that nobody knows is not relied on
	if a.Probability > 0 {
		p = min(a.Probability, 1)
	}
	s.called++
	s.expectedFalse += 1 - p
	s.readSeconds = append(s.readSeconds, a.ReadSeconds())

	g := s.target(Target{a.Place.Target, a.Place.TargetLength})
	g.reads++
	g.probabilities += p
	start, end := max(a.Place.Start, 0), min(a.Place.End, g.Length)
	if end <= start {
		return // off the target
	}
	g.bases += end - start
	g.covered.add(span{start, end})
	middle := start + (end-start-1)/2
	g.along[int(float64(middle)/float64(g.Length)*float64(len(g.along)))]++
}

// ranked are the targets, those with most reads first.
func (s *Summary) ranked() []*gathered {
	out := slices.Clone(s.targets)
	slices.SortStableFunc(out, func(a, b *gathered) int { return b.reads - a.reads })
	return out
}

// medianReadSeconds is NaN when no read was called.
func (s *Summary) medianReadSeconds() float64 {
	n := len(s.readSeconds)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(s.readSeconds)
	return (s.readSeconds[(n-1)/2] + s.readSeconds[n/2]) / 2
}

// ratio is 0 where there is nothing to relate to.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (g *gathered) depth() float64 { return ratio(float64(g.bases), float64(g.Length)) }
