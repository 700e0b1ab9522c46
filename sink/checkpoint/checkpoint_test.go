package checkpoint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Spans that touch become one, in whatever order they come; a hole between them
// stays open until a span fills it.
func TestStored(t *testing.T) {
	tr := Track{"a.pod5", "recipe"}
	at := func(ordinal uint64, chunk uint32) Place { return Place{ordinal, chunk} }
	s := make(Stored)
	s.Add(tr, Span{at(0, 0), at(3, 5)})
	s.Add(tr, Span{at(7, 0), at(9, 1)}) // reads 4 to 6 could not be had
	for _, c := range []struct {
		p    Place
		has  bool
		next Place
	}{
		{at(0, 0), true, at(3, 6)}, {at(3, 5), true, at(3, 6)}, {at(3, 6), false, at(3, 6)}, {at(5, 0), false, at(3, 6)},
		{at(8, 4), true, at(9, 2)}, {at(9, 2), false, at(9, 2)}, {at(12, 0), false, at(9, 2)},
	} {
		if got := s.Has(tr, c.p); got != c.has {
			t.Errorf("has %v: %v", c.p, got)
		}
		if got := s.Next(tr, c.p); got != c.next {
			t.Errorf("after what is stored before %v comes %v, want %v", c.p, got, c.next)
		}
	}
	s.Add(tr, Span{at(9, 2), at(10, 0)})
	s.Add(tr, Span{at(5, 0), at(5, 3)})
	want := []Span{{at(0, 0), at(3, 5)}, {at(5, 0), at(5, 3)}, {at(7, 0), at(10, 0)}}
	if d := cmp.Diff(want, s[tr]); d != "" {
		t.Errorf("spans (-want +got):\n%s", d)
	}
	s.Add(tr, Span{at(3, 6), at(7, 0)})
	if d := cmp.Diff([]Span{{at(0, 0), at(10, 0)}}, s[tr]); d != "" {
		t.Errorf("filled (-want +got):\n%s", d)
	}
	s.Add(Track{Live, "recipe"}, Span{at(0, 0), at(1, 0)})
	if len(s) != 1 {
		t.Error("live reads have a checkpoint")
	}
}
