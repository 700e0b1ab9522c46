package search

import (
	"cmp"
	"math"
	"slices"

	"github.com/porevec/porevec/index"
)

// The model of a read. training/locus.py holds the same, and found the constants.
const (
	votes     = 20   // windows per chunk
	sharpness = 30.0 // of votes, per unit of cosine
	// lost is the probability that a chunk says nothing about its place.
	lost = 0.2
	// toleranceBases is how far a window may lie from where it is expected, and
	// wander how much farther per base between two chunks.
	toleranceStrides = 2
	wander           = 0.05
	anchors          = 100 // most probable windows that are tried as places
	// apartBases is how far two places are the same.
	apartBases = 1000
)

var logLost = math.Log(lost)

// speeds are those that a read may have, in bases per nominal base: steps of 5 %.
var speeds = func() (list [15]float64) {
	for i := range list {
		list[i] = math.Exp(-0.35 + 0.05*float64(i))
	}
	return list
}()

// vote is a window that a chunk is similar to.
type vote struct {
	chunk   int
	contig  int
	reverse bool
	centre  float64 // base on the forward strand
	share   float64 // of the chunk's probability
}

// chunk is what one chunk of a read says.
type chunk struct {
	passed  float64 // nominal bases from the read's start to the chunk's middle
	windows float64 // of the layer that was searched
	stride  float64 // bases
	votes   []vote  // the most probable first
}

// locus is a hypothesis: on a strand of a contig, the base at which the read's
// nominal base 0 would lie, and the speed.
type locus struct {
	contig  int
	reverse bool
	origin  float64 // base on the forward strand
	speed   float64
	support float64 // log likelihood ratio against chance, nats
}

// at is the place of a nominal base of the read.
func (l *locus) at(passed float64) float64 {
	if l.reverse {
		return l.origin - passed*l.speed
	}
	return l.origin + passed*l.speed
}

// verdict is what the chunks of a read say together. Supports are logarithms of
// likelihood ratios against chance, in nats.
type verdict struct {
	found bool // a target has a vote
	best  locus
	// elsewhere is the support of the best other place, otherTarget that of the best
	// place on another target, decoy that of the best place on a decoy.
	elsewhere, otherTarget, decoy float64
}

// locate finds the best place on a target, and its rivals.
func locate(chunks []chunk, isDecoy func(contig int) bool) verdict {
	floor := float64(len(chunks)) * logLost // of a place that no chunk speaks for
	v := verdict{best: locus{support: floor}, elsewhere: floor, otherTarget: floor, decoy: floor}
	tried := hypotheses(chunks)
	for _, t := range tried {
		switch {
		case isDecoy(t.contig):
			v.decoy = max(v.decoy, t.support)
		case !v.found || t.support > v.best.support:
			v.found, v.best = true, t
		}
	}
	if !v.found {
		return v
	}
	middle := chunks[len(chunks)/2].passed
	for _, t := range tried {
		if isDecoy(t.contig) {
			continue
		}
		other := t.contig != v.best.contig
		if other {
			v.otherTarget = max(v.otherTarget, t.support)
		}
		if other || t.reverse != v.best.reverse || math.Abs(t.at(middle)-v.best.at(middle)) > apartBases {
			v.elsewhere = max(v.elsewhere, t.support)
		}
	}
	return v
}

// hypotheses takes each of the most probable votes as the place of its chunk, with
// the speed that suits the other chunks best.
func hypotheses(chunks []chunk) []locus {
	var all []vote
	for _, c := range chunks {
		all = append(all, c.votes...)
	}
	slices.SortStableFunc(all, func(a, b vote) int { return cmp.Compare(b.share, a.share) })
	tried := make([]locus, 0, anchors)
	nearby := make([][]vote, len(chunks))
	for _, anchor := range all[:min(anchors, len(all))] {
		reach(nearby, all, chunks, anchor)
		tried = append(tried, fit(nearby, chunks, anchor))
	}
	return tried
}

// reach gathers, per chunk, the votes that some speed brings together with the
// anchor: few, in a large index.
func reach(nearby [][]vote, all []vote, chunks []chunk, anchor vote) {
	for i := range nearby {
		nearby[i] = nearby[i][:0]
	}
	for _, v := range all {
		if v.contig != anchor.contig || v.reverse != anchor.reverse {
			continue
		}
		away := math.Abs(chunks[v.chunk].passed - chunks[anchor.chunk].passed)
		if math.Abs(v.centre-anchor.centre) <= away*(speeds[len(speeds)-1]+wander)+toleranceStrides*chunks[v.chunk].stride {
			nearby[v.chunk] = append(nearby[v.chunk], v)
		}
	}
}

// fit finds the speed at which the chunks speak most for the anchor. A chunk
// speaks by the share of its votes near the place where it should lie, over the
// share of the index that lies there.
func fit(nearby [][]vote, chunks []chunk, anchor vote) locus {
	best := locus{support: math.Inf(-1)}
	for _, speed := range speeds {
		l := locus{contig: anchor.contig, reverse: anchor.reverse, speed: speed}
		l.origin = anchor.centre - l.at(chunks[anchor.chunk].passed)
		for i, c := range chunks {
			near := toleranceStrides*c.stride + wander*math.Abs(c.passed-chunks[anchor.chunk].passed)
			if len(nearby[i]) == 0 {
				l.support += logLost
				continue
			}
			expected, mass := l.at(c.passed), 0.0
			for _, v := range nearby[i] {
				if math.Abs(v.centre-expected) <= near {
					mass += v.share
				}
			}
			random := min(1, (2*near/c.stride+1)/c.windows)
			l.support += math.Log(lost + (1-lost)*mass/random)
		}
		if l.support > best.support {
			best = l
		}
	}
	return best
}

// listen turns the windows that a chunk found into votes. logChance is
// [index.Index.LogMeanExp]: what any window of the layer gets by chance.
func listen(at int, passed float64, hits []index.Hit, about index.Layer, stride int, logChance float64) chunk {
	c := chunk{passed: passed, windows: float64(about.Count), stride: float64(stride)}
	total := c.windows * math.Exp(logChance)
	for _, h := range hits {
		share := math.Exp(sharpness * h.Similarity)
		total += share
		c.votes = append(c.votes, vote{
			chunk: at, contig: h.Window.Contig, reverse: h.Window.Reverse,
			centre: float64(h.Window.Start + about.Span/2), share: share,
		})
	}
	for i := range c.votes {
		c.votes[i].share /= total
	}
	return c
}
