package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/porevec/porevec/index/internal/dot"
)

// Hit is a window that a vector is similar to.
type Hit struct {
	Window     Window
	Similarity float64 // cosine
}

// DefaultProbes is how many cells of a large index are looked into for a vector;
// docs/search.md tells what that loses against all of them.
const DefaultProbes = 64

// Searcher looks for the nearest windows. It belongs to one goroutine.
type Searcher struct {
	ix     *Index
	probes int
	count  int

	queries []int8
	scales  [dot.Queries]float64
	scores  []int32
	tops    [dot.Queries]dot.Top
}

// NewSearcher makes a searcher that finds the count nearest windows (64 at most).
// With probes 0 it compares a vector with every window; otherwise, in a layer of
// more cells than that, with those of the probes most similar cells.
func (ix *Index) NewSearcher(count, probes int) *Searcher {
	return &Searcher{ix: ix, probes: probes, count: count, queries: make([]int8, dot.Queries*ix.Model.Dim)}
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
// to, the most similar first. vectors holds n·Dim values.
func (s *Searcher) Nearest(layer int, vectors []float32) ([][]Hit, error) {
	dim := s.ix.Model.Dim
	if len(vectors)%dim != 0 {
		return nil, fmt.Errorf("%d values are no vectors of %d dimensions", len(vectors), dim)
	}
	var all [][]Hit
	for part := range slices.Chunk(vectors, dot.Queries*dim) {
		all = append(all, s.nearest(&s.ix.layers[layer], part)...)
	}
	return all, nil
}

// nearest serves as many vectors as one pass can.
func (s *Searcher) nearest(l *layer, vectors []float32) [][]Hit {
	dim := s.ix.Model.Dim
	n := len(vectors) / dim
	clear(s.queries)
	for q := range n {
		s.scales[q] = roundQuery(s.queries[q*dim:][:dim], vectors[q*dim:][:dim])
		s.tops[q].Reset(s.count)
	}
	if s.probes > 0 && l.Cells > s.probes {
		s.probe(l, n)
	} else {
		s.scan(l, n)
	}
	hits := make([][]Hit, n)
	for q := range n {
		for _, best := range s.tops[q].Sorted() {
			id := l.ids[best.Row]
			if id == noWindow {
				continue // it scores 0, less than what anybody looks for
			}
			hits[q] = append(hits[q], Hit{l.numbering.window(int(id)), float64(best.Score) * l.Scale * s.scales[q]})
		}
	}
	return hits
}

// stretchRows fit into a core's cache with their scores.
const stretchRows = 1 << 10

// scan compares all rows with all queries.
func (s *Searcher) scan(l *layer, n int) {
	dim := s.ix.Model.Dim
	for from := 0; from < l.Rows; from += stretchRows {
		rows := min(stretchRows, l.Rows-from)
		scores, vectors := s.room(dot.Queries*rows), l.vectors[from*dim:][:rows*dim]
		if n == 1 {
			dot.ScoresOne(scores[:rows], vectors, s.queries[:dim], dim)
		} else {
			dot.Scores(scores, vectors, s.queries, dim)
		}
		for q := range n {
			s.tops[q].Add(scores[q*rows:][:rows], int32(from))
		}
	}
}

// probe compares each query with the rows of the cells that it is nearest to.
func (s *Searcher) probe(l *layer, n int) {
	dim := s.ix.Model.Dim
	cells := blocks(l.Cells) * dot.Rows
	scores := make([]int32, dot.Queries*cells)
	dot.Scores(scores, l.centroids, s.queries, dim)
	for q := range n {
		var near dot.Top
		near.Reset(s.probes)
		near.Add(scores[q*cells:][:l.Cells], 0)
		for _, cell := range near.Sorted() {
			from := 0
			if cell.Row > 0 {
				from = int(l.ends[cell.Row-1])
			}
			rows := int(l.ends[cell.Row]) - from
			found := s.room(rows)
			dot.ScoresOne(found, l.vectors[from*dim:][:rows*dim], s.queries[q*dim:][:dim], dim)
			s.tops[q].Add(found, int32(from))
		}
	}
}

func (s *Searcher) room(n int) []int32 {
	s.scores = slices.Grow(s.scores[:0], n)[:n]
	return s.scores
}

// chanceSample is how many windows are compared with as many others to see how
// alike any two are.
const chanceSample = 1 << 10

// LogMeanExp tells how alike the windows of a layer are by themselves: the
// logarithm of the mean of exp(sharpness · similarity) between a window and the
// rest, without its own neighbourhood; the median over windows, so that repeats do
// not count.
func (ix *Index) LogMeanExp(layer int, sharpness float64) float64 {
	l := &ix.layers[layer]
	rng := rand.New(rand.NewPCG(uint64(l.Count), uint64(l.Span)))
	draw := func() (windows []Window, values [][]int8) {
		for len(windows) < chanceSample {
			row := rng.IntN(l.Rows)
			if id := l.ids[row]; id != noWindow {
				windows = append(windows, l.numbering.window(int(id)))
				values = append(values, dot.Row(l.vectors, row, ix.Model.Dim))
			}
		}
		return windows, values
	}
	ones, oneValues := draw()
	others, otherValues := draw()
	var logs []float64
	for i, one := range ones {
		sum, count := 0.0, 0
		for j, other := range others {
			if one.Contig == other.Contig && one.Reverse == other.Reverse && max(one.Start-other.Start, other.Start-one.Start) < l.Span {
				continue
			}
			var product int32
			for k, v := range oneValues[i] {
				product += int32(v) * int32(otherValues[j][k])
			}
			sum += math.Exp(sharpness * float64(product) * l.Scale * l.Scale)
			count++
		}
		if count > 0 {
			logs = append(logs, math.Log(sum/float64(count)))
		}
	}
	if len(logs) == 0 {
		return 0 // there is only one neighbourhood
	}
	slices.Sort(logs)
	return logs[len(logs)/2]
}
