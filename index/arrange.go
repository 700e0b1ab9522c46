package index

import (
	"context"
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
	row := make([]int8, dim)
	for _, cell := range members {
		var block []byte
		for i, at := range cell {
			if i%dot.Rows == 0 {
				block = l.addBlock(dim)
			}
			roundTo(row, l.about.Scale/vectorUnit, all.row(at))
			dot.PackRow(block, i%dot.Rows, row)
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
	row := make([]int8, dim)
	for i := range len(vectors) / dim {
		if i%dot.Rows == 0 {
			all = append(all, emptyBlock(dim)...)
			block = all[len(all)-dot.Rows*dim:]
		}
		roundTo(row, scale, vectors[i*dim:(i+1)*dim])
		dot.PackRow(block, i%dot.Rows, row)
	}
	return all
}

// maxValue is the largest absolute value of stored vectors.
const maxValue = 127
