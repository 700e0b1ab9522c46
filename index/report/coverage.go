package report

import (
	"cmp"
	"slices"
)

// coverage tells which bases of a target lie under any read. Its memory grows with
// the stretches that do not touch, not with the target.
type coverage struct {
	spans  []span // the first merged are sorted and do not touch
	merged int
}

// span is the bases [start, end).
type span struct{ start, end int }

// add takes spans that are not empty, in any order, and merges them now and then.
func (c *coverage) add(s span) {
	c.spans = append(c.spans, s)
	if len(c.spans) > 2*c.merged+1024 {
		c.merge()
	}
}

func (c *coverage) merge() {
	slices.SortFunc(c.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	out := c.spans[:0]
	for _, s := range c.spans {
		if last := len(out) - 1; last >= 0 && s.start <= out[last].end {
			out[last].end = max(out[last].end, s.end)
			continue
		}
		out = append(out, s)
	}
	c.spans, c.merged = out, len(out)
}

// bases is how many are covered.
func (c *coverage) bases() int {
	c.merge()
	n := 0
	for _, s := range c.spans {
		n += s.end - s.start
	}
	return n
}
