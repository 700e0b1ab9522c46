package index

import (
	"fmt"
	"math"
	"slices"

	"github.com/porevec/porevec/index/internal/dot"
)

// Hit is a window that a vector is similar to.
type Hit struct {
	Window     Window
	Similarity float64 // cosine
}

// defaultProbes is how many cells of a large index are looked into for a vector; it
// pays where the index has worthProbing times as many. docs/search.md tells what that
// loses against all of them.
const (
	defaultProbes = 320
	worthProbing  = 8
)

// DefaultProbes is what to give to NewSearcher: 0 where comparing every window is as
// fast as looking for the right ones.
func (ix *Index) DefaultProbes() int {
	for _, l := range ix.Layers {
		if l.Cells >= worthProbing*defaultProbes {
			return defaultProbes
		}
	}
	return 0
}

// group is how many vectors are sought together: so many that most cells of a large
// index are wanted by several of them.
const group = 64

// Searcher looks for the nearest windows. It belongs to one goroutine.
type Searcher struct {
	ix     *Index
	probes int

	queries []int8 // of a group, one after another
	scales  [group]float64
	tops    [group]*dot.Top
	scores  []int32

	cells  *dot.Top // nearest to one query
	packed []int8   // the queries that want a cell
	wanted []probe
	begin  []int // of each cell's part of wanted, and one more
}

// probe says that a query wants a cell.
type probe struct{ cell, query int }

// NewSearcher makes a searcher that finds the count nearest windows; count and probes
// are 512 at most. With probes 0 it compares a vector with every window; otherwise, in
// a layer of more cells than that, with those of the probes most similar cells.
func (ix *Index) NewSearcher(count, probes int) *Searcher {
	dim := ix.Model.Dim
	s := &Searcher{ix: ix, probes: probes, queries: make([]int8, group*dim), packed: make([]int8, dot.Queries*dim)}
	for q := range s.tops {
		s.tops[q] = dot.NewTop(count)
	}
	if probes > 0 {
		s.cells = dot.NewTop(probes)
	}
	return s
}

// maxLengthRatio is how much a chunk may be longer or shorter than the signal that
// a layer's windows stand for.
const maxLengthRatio = 1.25

// LayerFor finds the layer for chunks of a length in samples; false: none fits.
func (ix *Index) LayerFor(samples int) (layer int, ok bool) {
	best := math.Inf(1)
	for i, l := range ix.Layers {
		ratio := float64(samples) / float64(l.Window)
		if off := max(ratio, 1/ratio); off <= maxLengthRatio && off < best {
			best, layer, ok = off, i, true
		}
	}
	return layer, ok
}

// Nearest finds the windows of a layer that each of the vectors is most similar
// to, the most similar first. vectors holds n·Dim finite values. Many at once are
// found faster than one by one.
func (s *Searcher) Nearest(layer int, vectors []float32) ([][]Hit, error) {
	dim := s.ix.Model.Dim
	if len(vectors)%dim != 0 {
		return nil, fmt.Errorf("%d values are no vectors of %d dimensions", len(vectors), dim)
	}
	for i, v := range vectors {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("vector %d holds %v", i/dim, v)
		}
	}
	var all [][]Hit
	for part := range slices.Chunk(vectors, group*dim) {
		all = append(all, s.nearest(&s.ix.layers[layer], part)...)
	}
	return all, nil
}

// nearest serves one group.
func (s *Searcher) nearest(l *layer, vectors []float32) [][]Hit {
	dim := s.ix.Model.Dim
	n := len(vectors) / dim
	clear(s.queries)
	for q := range n {
		s.scales[q] = roundQuery(s.query(q), vectors[q*dim:][:dim])
		s.tops[q].Reset()
	}
	if s.probes > 0 && l.Cells > s.probes {
		s.probe(l, n)
	} else {
		for q := 0; q < n; q += dot.Queries {
			s.scan(l, q, min(dot.Queries, n-q))
		}
	}
	hits := make([][]Hit, n)
	for q := range n {
		for _, best := range s.tops[q].Hits() {
			id := l.ids[best.Row]
			if id == noWindow {
				continue // it scores 0, less than what anybody looks for
			}
			hits[q] = append(hits[q], Hit{l.numbering.window(int(id)), float64(best.Score) * l.Scale * s.scales[q]})
		}
	}
	return hits
}

func (s *Searcher) query(q int) []int8 {
	dim := s.ix.Model.Dim
	return s.queries[q*dim:][:dim]
}

// stretchRows fit into a core's cache with their scores.
const stretchRows = 1 << 12

// scan compares all rows with n queries from one on, eight at most.
func (s *Searcher) scan(l *layer, first, n int) {
	dim := s.ix.Model.Dim
	for from := 0; from < l.Rows; from += stretchRows {
		rows := min(stretchRows, l.Rows-from)
		scores, vectors := s.room(dot.Queries*rows), l.vectors[from*dim:][:rows*dim]
		if n == 1 {
			dot.ScoresOne(scores[:rows], vectors, s.query(first))
		} else {
			dot.Scores(scores, vectors, s.queries[first*dim:][:dot.Queries*dim])
		}
		for q := range n {
			s.tops[first+q].Add(scores[q*rows:][:rows], from)
		}
	}
}

// probe compares n queries with the rows of the cells that each is nearest to. It
// goes from cell to cell, so that one that several queries want is read once.
func (s *Searcher) probe(l *layer, n int) {
	s.choose(l, n)
	dim := s.ix.Model.Dim
	for cell := range l.Cells {
		from := 0
		if cell > 0 {
			from = int(l.ends[cell-1])
		}
		rows := int(l.ends[cell]) - from
		vectors := l.vectors[from*dim:][:rows*dim]
		for part := range slices.Chunk(s.wanted[s.begin[cell]:s.begin[cell+1]], dot.Queries) {
			if len(part) == 1 {
				q := part[0].query
				scores := s.room(rows)
				dot.ScoresOne(scores, vectors, s.query(q))
				s.tops[q].Add(scores, from)
				continue
			}
			for i, p := range part {
				copy(s.packed[i*dim:][:dim], s.query(p.query))
			}
			scores := s.room(dot.Queries * rows)
			dot.Scores(scores, vectors, s.packed)
			for i, p := range part {
				s.tops[p.query].Add(scores[i*rows:][:rows], from)
			}
		}
	}
}

// choose fills wanted with the cells that each query is nearest to, cell by cell.
func (s *Searcher) choose(l *layer, n int) {
	dim := s.ix.Model.Dim
	var all []probe
	s.begin = slices.Grow(s.begin[:0], l.Cells+1)[:l.Cells+1]
	clear(s.begin)
	centroids := blocks(l.Cells) * dot.Rows
	for first := 0; first < n; first += dot.Queries {
		scores := s.room(dot.Queries * centroids)
		dot.Scores(scores, l.centroids, s.queries[first*dim:][:dot.Queries*dim])
		for q := range min(dot.Queries, n-first) {
			s.cells.Reset()
			s.cells.Add(scores[q*centroids:][:l.Cells], 0)
			for _, c := range s.cells.Hits() {
				all = append(all, probe{c.Row, first + q})
				s.begin[c.Row]++
			}
		}
	}
	// From how many want a cell to where its part ends, then back to where it begins.
	for cell := 1; cell <= l.Cells; cell++ {
		s.begin[cell] += s.begin[cell-1]
	}
	s.wanted = slices.Grow(s.wanted[:0], len(all))[:len(all)]
	for _, p := range all {
		s.begin[p.cell]--
		s.wanted[s.begin[p.cell]] = p
	}
}

func (s *Searcher) room(n int) []int32 {
	s.scores = slices.Grow(s.scores[:0], n)[:n]
	return s.scores
}
