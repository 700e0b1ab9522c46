package dot

import (
	"fmt"
	"slices"
)

// MaxTop bounds k: a Top keeps its hits in order by moving them, which suits
// small lists.
const MaxTop = 512

// Hit is a row and its score.
type Hit struct {
	Score int32
	Row   int
}

// Top keeps the k best rows of one query: the highest scores, and of equal ones
// the lowest rows. So it depends on what was added but not on the order. It is
// not safe for concurrent use.
type Top struct {
	k    int
	hits []Hit // best first
}

// NewTop makes an empty Top for k rows, 1 to MaxTop.
func NewTop(k int) *Top {
	if k < 1 || k > MaxTop {
		panic(fmt.Sprintf("dot: a top of %d rows is not within 1 to %d", k, MaxTop))
	}
	return &Top{k: k, hits: make([]Hit, 0, k)}
}

// Reset forgets all rows.
func (t *Top) Reset() { t.hits = t.hits[:0] }

// Hits are the best rows so far, at most k, best first. They are valid until
// the next Add or Reset.
func (t *Top) Hits() []Hit { return t.hits }

// Add offers the scores of consecutive rows. No row may be offered twice.
func (t *Top) Add(scores []int32, firstRow int) {
	i := 0
	for i < len(scores) && len(t.hits) < t.k {
		t.insert(Hit{scores[i], firstRow + i})
		i++
	}
	// Most scores reach no place and are passed without a look at their row.
	for i < len(scores) {
		i += fastest.atLeast(scores[i:], t.hits[t.k-1].Score)
		if i < len(scores) {
			t.insert(Hit{scores[i], firstRow + i})
			i++
		}
	}
}

// insert puts a hit in its place, if it has one.
func (t *Top) insert(h Hit) {
	if len(t.hits) == t.k {
		if !h.better(t.hits[t.k-1]) {
			return
		}
		t.hits = t.hits[:t.k-1]
	}
	at := len(t.hits)
	for at > 0 && h.better(t.hits[at-1]) {
		at--
	}
	t.hits = slices.Insert(t.hits, at, h)
}

func (h Hit) better(than Hit) bool {
	return h.Score > than.Score || h.Score == than.Score && h.Row < than.Row
}
