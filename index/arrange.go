package index

import (
	"context"
	"math"
	"slices"

	"github.com/porevec/porevec/index/internal/dot"
)

// builtLayer is a layer with its sections in memory.
type builtLayer struct {
	about     Layer
	vectors   []byte
	ids       []uint32
	ends      []uint32
	centroids []byte
}

// arrange rounds vectors to int8 and puts those that are alike into one cell.
func arrange(ctx context.Context, p *plan, dim, threads int) (*builtLayer, error) {
	vectors := p.vectors
	p.vectors = nil // not needed behind this
	centroids, cellOf, err := cluster(ctx, vectors, dim, cellsFor(len(p.ids)), threads)
	if err != nil {
		return nil, err
	}
	cells := len(centroids) / dim
	members := make([][]int, cells)
	for i := range p.ids {
		members[cellOf[i]] = append(members[cellOf[i]], i)
	}
	l := &builtLayer{about: Layer{
		Window: p.window, Span: p.span, Count: len(p.ids), Decoys: len(p.ids) - p.targets,
		Scale: largest(vectors) / maxValue, Cells: cells,
	}}
	for _, cell := range members {
		var block []byte
		for i, at := range cell {
			if i%dot.Rows == 0 {
				block = l.addBlock(dim)
			}
			dot.PackRow(block, i%dot.Rows, roundTo(l.about.Scale, vectors[at*dim:(at+1)*dim]))
			l.ids[len(l.ids)-dot.Rows+i%dot.Rows] = p.ids[at]
		}
		l.ends = append(l.ends, uint32(len(l.ids)))
	}
	l.about.Rows = len(l.ids)
	l.centroids = packed(centroids, dim)
	return l, nil
}

// addBlock adds empty rows.
func (l *builtLayer) addBlock(dim int) []byte {
	l.vectors = append(l.vectors, emptyBlock(dim)...)
	l.ids = append(l.ids, slices.Repeat([]uint32{noWindow}, dot.Rows)...)
	return l.vectors[len(l.vectors)-dot.Rows*dim:]
}

func emptyBlock(dim int) []byte {
	block := make([]byte, dot.Rows*dim)
	empty := make([]int8, dim)
	for row := range dot.Rows {
		dot.PackRow(block, row, empty)
	}
	return block
}

// packed puts vectors into blocks, in a scale of their own: only their order by
// similarity matters.
func packed(vectors []float32, dim int) []byte {
	scale := largest(vectors) / maxValue
	var all, block []byte
	for i := range len(vectors) / dim {
		if i%dot.Rows == 0 {
			all = append(all, emptyBlock(dim)...)
			block = all[len(all)-dot.Rows*dim:]
		}
		dot.PackRow(block, i%dot.Rows, roundTo(scale, vectors[i*dim:(i+1)*dim]))
	}
	return all
}

// maxValue is the largest absolute value of stored vectors.
const maxValue = 127

// roundTo gives the whole numbers that, times scale, come closest to a vector.
func roundTo(scale float64, vector []float32) []int8 {
	out := make([]int8, len(vector))
	for i, v := range vector {
		out[i] = int8(math.RoundToEven(float64(v) / scale))
	}
	return out
}

// largest absolute value; never 0.
func largest(values []float32) float64 {
	most := float32(math.SmallestNonzeroFloat32)
	for _, v := range values {
		most = max(most, v, -v)
	}
	return float64(most)
}
