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
	"iter"
	"maps"
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

// Choice is the part of a source that a replay is limited to. Without it the part would be
// taken for the whole: what lies behind a stored chunk counts as stored.
type Choice struct {
	// Subset names the reads; "" is all of them.
	Subset string
	// MaxChunks is how many chunks of each read are embedded, the first ones; 0 is all.
	MaxChunks int
}

// Token is the choice as it stands in a track.
func (c Choice) Token() Choice {
	if c.Subset != "" {
		c.Subset = wire.Token(c.Subset)
	}
	return c
}

// Track is what has a checkpoint of its own within a run: a choice of a source, embedded
// by one recipe. Texts are written as in an id.
type Track struct {
	Source string
	Choice
	Recipe string
}

// TrackOf names the track of a read's chunks.
func TrackOf(recipe *signal.Recipe, read *signal.Read, choice Choice) Track {
	t := Track{Source: Live, Recipe: fmt.Sprintf("%s/w%dh%dd%d/%s", wire.Token(recipe.ModelDigest[:min(16, len(recipe.ModelDigest))]),
		recipe.Window, recipe.Hop, recipe.Dim, wire.Token(recipe.DType))}
	if source := read.Origin.Source; source != "" {
		t.Source, t.Choice = strings.ReplaceAll(url.PathEscape(source), "~", "%7E"), choice.Token()
	}
	return t
}

// ID names what is settled by rows: source/first-last/recipe. It begins at a place
// that may lie before that of the first row. A place is ordinal.chunk; live reads have
// their id for the ordinal. A choice follows its source as ~subset, and the recipe as
// /cN for N chunks.
func ID(t Track, from Place, first, last signal.Chunk) string {
	text := func(p Place, c signal.Chunk) string {
		ordinal := strconv.FormatUint(p.Ordinal, 10)
		if t.Source == Live {
			ordinal = hex.EncodeToString(c.Read.ID[:])
		}
		return ordinal + "." + strconv.FormatUint(uint64(p.Chunk), 10)
	}
	source, recipe := t.Source, t.Recipe
	if t.Subset != "" {
		source += "~" + t.Subset
	}
	if t.MaxChunks > 0 {
		recipe += "/c" + strconv.Itoa(t.MaxChunks)
	}
	return source + "/" + text(from, first) + "-" + text(PlaceOf(last), last) + "/" + recipe
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
	t := Track{Recipe: recipe}
	t.Source, t.Subset, _ = strings.Cut(source, "~")
	if i := strings.LastIndex(recipe, "/c"); i >= 0 {
		if n, err := strconv.ParseUint(recipe[i+2:], 10, 31); err == nil && n > 0 {
			t.Recipe, t.MaxChunks = recipe[:i], int(n)
		}
	}
	return t, Span{first, last}, true
}

func parsePlace(text string) (Place, error) {
	ordinal, chunk, _ := strings.Cut(text, ".")
	o, err := strconv.ParseUint(ordinal, 10, 64)
	c, err2 := strconv.ParseUint(chunk, 10, 32)
	return Place{o, uint32(c)}, errors.Join(err, err2)
}

// Stored knows what is stored. The zero value knows nothing.
type Stored struct {
	// spans of each track in ascending order, apart from each other: one, unless something
	// of the source could not be had.
	spans map[Track][]Span
	most  []int // the values of MaxChunks
}

// before is the number of a track's spans that begin at or before p.
func (s *Stored) before(t Track, p Place) int {
	return sort.Search(len(s.spans[t]), func(i int) bool { return s.spans[t][i].First.Compare(p) > 0 })
}

// Has says whether a chunk is stored: by the track, or by one that differs in the number
// of chunks of each read.
func (s *Stored) Has(t Track, p Place) bool {
	for _, most := range s.most {
		if most > 0 && int64(p.Chunk) >= int64(most) {
			continue
		}
		t.MaxChunks = most
		if i := s.before(t, p); i > 0 && p.Compare(s.spans[t][i-1].Last) <= 0 {
			return true
		}
	}
	return false
}

// Next is the first place after what is stored before p.
func (s *Stored) Next(t Track, p Place) Place {
	i := s.before(t, p)
	if i == 0 {
		return Place{}
	}
	return s.spans[t][i-1].next()
}

// Tracks are those of which something is stored.
func (s *Stored) Tracks() iter.Seq[Track] { return maps.Keys(s.spans) }

// Add notes that a span is stored.
func (s *Stored) Add(t Track, span Span) {
	if t.Source == Live {
		return
	}
	if s.spans == nil {
		s.spans = make(map[Track][]Span)
	}
	if !slices.Contains(s.most, t.MaxChunks) {
		s.most = append(s.most, t.MaxChunks)
	}
	var kept []Span
	for _, o := range s.spans[t] {
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
	s.spans[t] = kept
}
