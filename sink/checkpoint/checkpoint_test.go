package checkpoint

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
)

// Spans that touch become one, in whatever order they come; a hole between them
// stays open until a span fills it.
func TestStored(t *testing.T) {
	tr := Track{Source: "a.pod5", Recipe: "recipe"}
	at := func(ordinal uint64, chunk uint32) Place { return Place{ordinal, chunk} }
	var s Stored
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
	if d := cmp.Diff(want, s.spans[tr]); d != "" {
		t.Errorf("spans (-want +got):\n%s", d)
	}
	s.Add(tr, Span{at(3, 6), at(7, 0)})
	if d := cmp.Diff([]Span{{at(0, 0), at(10, 0)}}, s.spans[tr]); d != "" {
		t.Errorf("filled (-want +got):\n%s", d)
	}
	s.Add(Track{Source: Live, Recipe: "recipe"}, Span{at(0, 0), at(1, 0)})
	if len(s.spans) != 1 {
		t.Error("live reads have a checkpoint")
	}
}

// What was embedded of the beginnings of reads counts for the whole reads, and the other
// way round, but no more than that.
func TestLimitedChunks(t *testing.T) {
	whole := Track{Source: "a.pod5", Recipe: "recipe"}
	firstTwo, firstFour := whole, whole
	firstTwo.MaxChunks, firstFour.MaxChunks = 2, 4
	var s Stored
	s.Add(firstTwo, Span{Place{0, 0}, Place{7, 1}})
	for _, c := range []struct {
		p    Place
		want bool
	}{{Place{0, 0}, true}, {Place{3, 1}, true}, {Place{3, 2}, false}, {Place{7, 1}, true}, {Place{8, 0}, false}} {
		for _, tr := range []Track{whole, firstFour} {
			if s.Has(tr, c.p) != c.want {
				t.Errorf("%+v has %v: %v", tr.Choice, c.p, !c.want)
			}
		}
	}
	if next := s.Next(whole, Place{3, 2}); next != (Place{}) {
		t.Errorf("the whole goes on at %v", next)
	}
	s.Add(whole, Span{Place{0, 0}, Place{9, 5}})
	if !s.Has(firstTwo, Place{9, 1}) || !s.Has(whole, Place{3, 2}) {
		t.Error("what the whole has is not found")
	}
	if other := (Track{Source: "a.pod5", Choice: Choice{Subset: "x"}, Recipe: "recipe"}); s.Has(other, Place{3, 1}) {
		t.Error("a choice of reads has what the whole has")
	}
}

func TestIDs(t *testing.T) {
	read := &signal.Read{Run: &signal.Run{}, Origin: signal.Origin{Source: "a~b/c 1.pod5", Ordinal: 5}}
	recipe := &signal.Recipe{ModelDigest: "0123456789abcdef0123", Window: 4096, Hop: 2048, Dim: 128, DType: "float16"}
	c := signal.Chunk{Read: read, Index: 3}
	for _, choice := range []Choice{{}, {Subset: "first ten"}, {MaxChunks: 12}, {Subset: "x", MaxChunks: 4}} {
		track := TrackOf(recipe, read, choice)
		id := ID(track, Place{4, 1}, c, c)
		if got, span, ok := ParseID(id); !ok || got != track || span != (Span{Place{4, 1}, Place{5, 3}}) {
			t.Errorf("%s is read as %+v %v %v, want %+v", id, got, span, ok, track)
		}
	}
	if id, want := ID(TrackOf(recipe, read, Choice{"first ten", 4}), Place{4, 1}, c, c), "a%7Eb%2Fc%201.pod5~first-ten/4.1-5.3/0123456789abcdef/w4096h2048d128/float16/c4"; id != want {
		t.Errorf("%s, want %s", id, want)
	}
}
