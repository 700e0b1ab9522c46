package jetstream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Spans that touch become one, in whatever order they come; a hole between them
// stays open until a span fills it.
func TestSpansOfALine(t *testing.T) {
	tr := track{"a.pod5", "recipe"}
	at := func(ordinal uint64, chunk uint32) place { return place{ordinal, chunk} }
	l := &line{stored: make(map[track][]span)}
	l.add(tr, span{at(0, 0), at(3, 5)})
	l.add(tr, span{at(7, 0), at(9, 1)}) // reads 4 to 6 could not be had
	for _, c := range []struct {
		p    place
		has  bool
		next place
	}{
		{at(0, 0), true, at(3, 6)}, {at(3, 5), true, at(3, 6)}, {at(3, 6), false, at(3, 6)}, {at(5, 0), false, at(3, 6)},
		{at(8, 4), true, at(9, 2)}, {at(9, 2), false, at(9, 2)}, {at(12, 0), false, at(9, 2)},
	} {
		if got := l.has(tr, c.p); got != c.has {
			t.Errorf("has %v: %v", c.p, got)
		}
		if got := l.next(tr, c.p); got != c.next {
			t.Errorf("after what is stored before %v comes %v, want %v", c.p, got, c.next)
		}
	}
	l.add(tr, span{at(9, 2), at(10, 0)})
	l.add(tr, span{at(5, 0), at(5, 3)})
	want := []span{{at(0, 0), at(3, 5)}, {at(5, 0), at(5, 3)}, {at(7, 0), at(10, 0)}}
	if d := cmp.Diff(want, l.stored[tr], cmp.AllowUnexported(span{}, place{})); d != "" {
		t.Errorf("spans (-want +got):\n%s", d)
	}
	l.add(tr, span{at(3, 6), at(7, 0)})
	if d := cmp.Diff([]span{{at(0, 0), at(10, 0)}}, l.stored[tr], cmp.AllowUnexported(span{}, place{})); d != "" {
		t.Errorf("filled (-want +got):\n%s", d)
	}
}
