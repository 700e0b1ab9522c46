// Package checkpoint names which stretch of a source a message or a record settles,
// and finds in such names what is stored already.
//
// Reads of a source come by ordinal and chunks of a read by index; so a stretch is two
// places, and what lies between them is stored, or there was nothing. Two replays of a
// source may cut it differently and still know what the other one has done.
package checkpoint

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// Live is the source of reads that come from no file. Their order is that of the
// sequencer, so they have no checkpoint.
const Live = "live"

// Place is where a chunk stands in its source.
type Place struct {
	Ordinal uint64 // of the read
	Chunk   uint32
}

// PlaceOf is where a chunk stands.
func PlaceOf(c signal.Chunk) Place { return Place{c.Read.Origin.Ordinal, c.Index} }

// Compare is below 0 for places before q.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Ordinal, q.Ordinal), cmp.Compare(p.Chunk, q.Chunk))
}

// Span is a stretch of a source, both ends included: all of its chunks are stored,
// or there were none.
type Span struct{ First, Last Place }

// next is the first place after the span.
func (s Span) next() Place { return Place{s.Last.Ordinal, s.Last.Chunk + 1} }

// Track is what has a checkpoint of its own within a run: a source, embedded by one
// recipe. Both are written as in an id.
type Track struct{ Source, Recipe string }

// TrackOf names the track of a read's chunks. subset names the choice of reads that a
// replay is limited to, so that it is not mistaken for the whole; "" is all reads.
func TrackOf(recipe *signal.Recipe, read *signal.Read, subset string) Track {
	t := Track{Live, fmt.Sprintf("%s/w%dh%dd%d/%s", wire.Token(recipe.ModelDigest[:min(16, len(recipe.ModelDigest))]),
		recipe.Window, recipe.Hop, recipe.Dim, wire.Token(recipe.DType))}
	if source := read.Origin.Source; source != "" {
		t.Source = url.PathEscape(source)
		if subset != "" {
			t.Source += "~" + wire.Token(subset)
		}
	}
	return t
}

// ID names what is settled by rows: source/first-last/recipe. It begins at a place
// that may lie before that of the first row. A place is ordinal.chunk; live reads have
// their id for the ordinal.
func ID(t Track, from Place, first, last signal.Chunk) string {
	text := func(p Place, c signal.Chunk) string {
		ordinal := strconv.FormatUint(p.Ordinal, 10)
		if t.Source == Live {
			ordinal = hex.EncodeToString(c.Read.ID[:])
		}
		return ordinal + "." + strconv.FormatUint(uint64(p.Chunk), 10)
	}
	return t.Source + "/" + text(from, first) + "-" + text(PlaceOf(last), last) + "/" + t.Recipe
}

// ParseID gives the track and the span; false: there is no checkpoint in it.
func ParseID(id string) (Track, Span, bool) {
	source, rest, _ := strings.Cut(id, "/")
	text, recipe, ok := strings.Cut(rest, "/")
	from, to, both := strings.Cut(text, "-")
	first, err := parsePlace(from)
	last, err2 := parsePlace(to)
	if !ok || !both || source == Live || errors.Join(err, err2) != nil || first.Compare(last) > 0 {
		return Track{}, Span{}, false
	}
	return Track{source, recipe}, Span{first, last}, true
}

func parsePlace(text string) (Place, error) {
	ordinal, chunk, _ := strings.Cut(text, ".")
	o, err := strconv.ParseUint(ordinal, 10, 64)
	c, err2 := strconv.ParseUint(chunk, 10, 32)
	return Place{o, uint32(c)}, errors.Join(err, err2)
}

// Stored has the spans of each track in ascending order, apart from each other: one,
// unless something of the source could not be had.
type Stored map[Track][]Span

// before is the number of a track's spans that begin at or before p.
func (s Stored) before(t Track, p Place) int {
	return sort.Search(len(s[t]), func(i int) bool { return s[t][i].First.Compare(p) > 0 })
}

// Has says whether a chunk is stored.
func (s Stored) Has(t Track, p Place) bool {
	i := s.before(t, p)
	return i > 0 && p.Compare(s[t][i-1].Last) <= 0
}

// Next is the first place after what is stored before p.
func (s Stored) Next(t Track, p Place) Place {
	i := s.before(t, p)
	if i == 0 {
		return Place{}
	}
	return s[t][i-1].next()
}

// Add notes that a span is stored.
func (s Stored) Add(t Track, span Span) {
	if t.Source == Live {
		return
	}
	var kept []Span
	for _, o := range s[t] {
		switch {
		case o.next().Compare(span.First) < 0, span.next().Compare(o.First) < 0:
			kept = append(kept, o)
		default: // they touch
			if o.First.Compare(span.First) < 0 {
				span.First = o.First
			}
			if o.Last.Compare(span.Last) > 0 {
				span.Last = o.Last
			}
		}
	}
	kept = append(kept, span)
	slices.SortFunc(kept, func(a, b Span) int { return a.First.Compare(b.First) })
	s[t] = kept
}
