package index

import (
	"context"

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
func arrange(ctx context.Context, p *plan, threads int) (*builtLayer, error) {
	all := p.vectors
	p.vectors = vectors{} // not needed behind this
	centroids, cellOf, err := cluster(ctx, all, cellsFor(len(p.ids)), threads)
	if err != nil {
		return nil, err
	}
	dim, cells := all.dim, len(centroids)/all.dim
	members := make([][]int, cells)
	for i := range p.ids {
		members[cellOf[i]] = append(members[cellOf[i]], i)
	}
	l := &builtLayer{about: Layer{
		Window: p.window, Span: p.span, Count: len(p.ids), Decoys: len(p.ids) - p.targets,
		Scale: largest(all.values) * vectorUnit / maxValue, Cells: cells,
	}}
	for _, cell := range members {
		l.vectors = append(l.vectors, pack(len(cell), dim, func(i int, row []int8) {
			roundTo(row, l.about.Scale/vectorUnit, all.row(cell[i]))
		})...)
		for _, at := range cell {
			l.ids = append(l.ids, p.ids[at])
		}
		for len(l.ids)*dim < len(l.vectors) {
			l.ids = append(l.ids, noWindow)
		}
		l.ends = append(l.ends, uint32(len(l.ids)))
	}
	l.about.Rows = len(l.ids)
	l.centroids = packCentroids(centroids, dim)
	return l, nil
}

// pack puts n rows into blocks; fill writes a row. What is left of the last block
// are rows of zeros.
func pack(n, dim int, fill func(i int, row []int8)) []byte {
	all, row := make([]byte, blocks(n)*dot.Rows*dim), make([]int8, dim)
	for i := range blocks(n) * dot.Rows {
		if i < n {
			fill(i, row)
		} else {
			clear(row)
		}
		dot.PackRow(all[i/dot.Rows*dot.Rows*dim:][:dot.Rows*dim], i%dot.Rows, row)
	}
	return all
}

// packCentroids puts vectors into blocks, in a scale of their own: only their order
// by similarity matters.
func packCentroids(vectors []float32, dim int) []byte {
	scale := largest(vectors) / maxValue
	return pack(len(vectors)/dim, dim, func(i int, row []int8) { roundTo(row, scale, vectors[i*dim:(i+1)*dim]) })
}

// maxValue is the largest absolute value of stored vectors.
const maxValue = 127
