package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/porevec/porevec/index/search"
)

// Target is a sequence that reads may come from.
type Target struct {
	Name   string
	Length int // bases
}

// Summary sums final answers up.
type Summary struct {
	rows               []*TargetSummary
	byName             map[string]*TargetSummary
	reads, called      int
	expectedWrong      float64
	secondsUntilCalled []float32
}

// TargetSummary is what was found of one target.
type TargetSummary struct {
	Target string `json:"target"`
	Length int    `json:"length"` // bases
	Reads  int    `json:"reads"`  // called
	// Share of all reads that were searched.
	Share float64 `json:"share"`
	// Probability of a read's place, the mean.
	Probability float64 `json:"mean_probability"`
	// Depth is how often a base of the target was covered, the mean. Only what was
	// heard of a read counts.
	Depth float64 `json:"mean_depth"`
	// Bins is how many called reads lie in each of equal parts of the target.
	Bins [bins]int `json:"reads_along_target"`

	bases int
}

// bins is how many parts a target has in the plot.
const bins = 40

// NewSummary makes a summary of reads sought in targets.
func NewSummary(targets []Target) *Summary {
	s := &Summary{byName: make(map[string]*TargetSummary)}
	for _, t := range targets {
		row := &TargetSummary{Target: t.Name, Length: t.Length}
		s.rows = append(s.rows, row)
		s.byName[t.Name] = row
	}
	return s
}

// Add takes in the final answer about a read.
func (s *Summary) Add(a *search.Answer) {
	s.reads++
	row := s.byName[a.Place.Target]
	if !a.Called || row == nil {
		return
	}
	s.called++
	s.expectedWrong += 1 - a.Probability
	s.secondsUntilCalled = append(s.secondsUntilCalled, float32(a.ReadSeconds()))
	row.Reads++
	row.Probability += a.Probability
	row.bases += a.Place.End - a.Place.Start
	middle := (a.Place.Start + a.Place.End) / 2
	row.Bins[min(max(middle*bins/max(row.Length, 1), 0), bins-1)]++
}

// Figures are those of a summary, the targets with most reads first.
type Figures struct {
	Reads  int `json:"reads"`
	Called int `json:"called"`
	// ExpectedWrong is how many of the called reads are expected to be wrong, by
	// their probabilities.
	ExpectedWrong float64 `json:"expected_wrong"`
	// MedianReadSeconds is how long the called reads were heard.
	MedianReadSeconds float64         `json:"median_read_seconds"`
	Targets           []TargetSummary `json:"targets"`
}

// Figures so far.
func (s *Summary) Figures() Figures {
	f := Figures{Reads: s.reads, Called: s.called, ExpectedWrong: s.expectedWrong, MedianReadSeconds: median(s.secondsUntilCalled)}
	for _, row := range s.rows {
		t := *row
		if t.Reads > 0 {
			t.Probability /= float64(t.Reads)
			t.Share = float64(t.Reads) / float64(s.reads)
			t.Depth = float64(t.bases) / float64(max(t.Length, 1))
		}
		f.Targets = append(f.Targets, t)
	}
	slices.SortStableFunc(f.Targets, func(a, b TargetSummary) int { return cmp.Compare(b.Reads, a.Reads) })
	return f
}

func median(values []float32) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return float64(sorted[len(sorted)/2])
}

// manyTargets is how many are listed although they have no reads.
const manyTargets = 20

// Print writes a table for a terminal.
func (s *Summary) Print(out io.Writer) error {
	f := s.Figures()
	listed := f.Targets
	if len(listed) > manyTargets {
		listed = slices.DeleteFunc(slices.Clone(listed), func(t TargetSummary) bool { return t.Reads == 0 })
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TARGET\tBASES\tREADS\tSHARE\tPROBABILITY\tDEPTH\tWHERE")
	for _, row := range listed {
		probability := "-"
		if row.Reads > 0 {
			probability = fmt.Sprintf("%.4f", row.Probability)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f%%\t%s\t%.2f\t|%s|\n", clean(row.Target), row.Length, row.Reads, 100*row.Share, probability, row.Depth, sparkline(row.Bins[:]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(f.Targets) - len(listed); n > 0 {
		fmt.Fprintf(out, "and %d targets without reads\n", n)
	}
	_, err := fmt.Fprintf(out, "reads    %d = %d called + %d not called; %.2f calls are expected to be wrong\n",
		f.Reads, f.Called, f.Reads-f.Called, f.ExpectedWrong)
	if f.Called > 0 && err == nil {
		_, err = fmt.Fprintf(out, "time     half of the called reads were known after %.1f s of their signal\n", f.MedianReadSeconds)
	}
	return err
}

// sparkline draws counts as bars one line high. Only 0 is blank.
func sparkline(counts []int) string {
	heights := []rune("▁▂▃▄▅▆▇█")
	most := max(slices.Max(counts), 1)
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(heights[(n*len(heights)-1)/most])
	}
	return b.String()
}
