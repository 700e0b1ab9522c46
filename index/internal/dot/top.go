package dot

import (
	"cmp"
	"slices"
)

// Scored is a row and its score.
type Scored struct {
	Score int32
	Row   int32
}

// Top keeps the rows with the largest scores; of equal ones those that come first.
// Reset it before its first use.
type Top struct {
	count int
	list  []Scored // a heap, the worst first, once count are there
}

// Reset empties it for the count best rows.
func (t *Top) Reset(count int) { t.count, t.list = count, t.list[:0] }

// Add takes in the scores of consecutive rows.
func (t *Top) Add(scores []int32, first int32) {
	for len(t.list) < t.count && len(scores) > 0 {
		t.list = append(t.list, Scored{scores[0], first})
		scores, first = scores[1:], first+1
		if len(t.list) == t.count {
			slices.SortFunc(t.list, worstFirst) // which is a heap
		}
	}
	if len(scores) == 0 || t.count == 0 {
		return
	}
	worst := t.list[0]
	for i, score := range scores {
		if score < worst.Score {
			continue // nearly all of them
		}
		if s := (Scored{score, first + int32(i)}); worstFirst(s, worst) > 0 {
			t.list[0] = s
			t.sink()
			worst = t.list[0]
		}
	}
}

// sink moves the first entry to its place in the heap.
func (t *Top) sink() {
	for at := 0; ; {
		child := 2*at + 1
		if child >= len(t.list) {
			return
		}
		if child+1 < len(t.list) && worstFirst(t.list[child+1], t.list[child]) < 0 {
			child++
		}
		if worstFirst(t.list[at], t.list[child]) <= 0 {
			return
		}
		t.list[at], t.list[child] = t.list[child], t.list[at]
		at = child
	}
}

// Sorted gives what was kept, the best first. The list is valid until Reset, after
// which alone Add may be called again.
func (t *Top) Sorted() []Scored {
	slices.SortFunc(t.list, func(a, b Scored) int { return worstFirst(b, a) })
	return t.list
}

func worstFirst(a, b Scored) int {
	return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(b.Row, a.Row))
}
