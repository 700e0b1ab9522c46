package index

import (
	"context"
	"math"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/index/internal/dot"
)

const (
	// oneCell is how many windows are searched fast enough one by one.
	oneCell = 1 << 16
	// cellRows is how many windows a cell has on average: small cells follow the windows
	// more closely, so that fewer windows are compared for the same recall.
	cellRows = 128
	// sampleRows is how many windows per cell the middles are made from.
	sampleRows = 64
	rounds     = 8
)

func cellsFor(windows int) int {
	if windows <= oneCell {
		return 1
	}
	return windows / cellRows
}

// cluster sorts unit vectors into cells by spherical k-means: a vector belongs to
// the cell whose centroid it is most similar to. The same vectors give the same
// cells. Cells may be empty.
func cluster(ctx context.Context, all vectors, cells, threads int) (centroids []float32, cellOf []int32, err error) {
	n := all.len()
	rng := rand.New(rand.NewPCG(uint64(n), uint64(cells)))
	sample := newVectors(min(n, sampleRows*cells), all.dim)
	for i, at := range rng.Perm(n)[:sample.len()] {
		copy(sample.row(i), all.row(at))
	}
	for _, v := range sample.part(0, cells).values { // any of them, since the sample is in random order
		centroids = append(centroids, float32(v)*vectorUnit)
	}
	for range rounds {
		cellOf, err = nearestCentroids(ctx, sample, centroids, threads)
		if err != nil {
			return nil, nil, err
		}
		recentre(centroids, sample, cellOf, rng)
	}
	cellOf, err = nearestCentroids(ctx, all, centroids, threads)
	return centroids, cellOf, err
}

// recentre moves each centroid to the mean of its vectors. One that has none takes
// the place of any vector.
func recentre(centroids []float32, of vectors, cellOf []int32, rng *rand.Rand) {
	dim := of.dim
	clear(centroids)
	members := make([]int, len(centroids)/dim)
	for i, cell := range cellOf {
		members[cell]++
		mean := centroids[int(cell)*dim:][:dim]
		for j, v := range of.row(i) {
			mean[j] += float32(v) * vectorUnit
		}
	}
	for cell, count := range members {
		mean := centroids[cell*dim:][:dim]
		if count == 0 {
			for j, v := range of.row(rng.IntN(len(cellOf))) {
				mean[j] = float32(v) * vectorUnit
			}
			continue
		}
		var square float64
		for _, v := range mean {
			square += float64(v) * float64(v)
		}
		length := float32(math.Sqrt(max(square, math.SmallestNonzeroFloat32)))
		for j := range mean {
			mean[j] /= length
		}
	}
}

// nearestCentroids gives the cell of each vector.
func nearestCentroids(ctx context.Context, of vectors, centroids []float32, threads int) ([]int32, error) {
	n, dim := of.len(), of.dim
	cellOf := make([]int32, n)
	cells := len(centroids) / dim
	if cells == 1 {
		return cellOf, nil
	}
	blocks := packCentroids(centroids, dim)
	rows := len(blocks) / dim
	const part = 1 << 12
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(threads)
	for from := 0; from < n; from += part {
		group.Go(func() error {
			scores := make([]int32, dot.Queries*rows)
			queries := make([]int8, dot.Queries*dim)
			for i := from; i < min(from+part, n); i += dot.Queries {
				count := min(dot.Queries, n-i)
				for q := range count {
					roundQuery(queries[q*dim:][:dim], of.row(i+q))
				}
				dot.Scores(scores, blocks, queries)
				for q := range count {
					best := 0
					for cell, score := range scores[q*rows:][:cells] {
						if score > scores[q*rows+best] {
							best = cell
						}
					}
					cellOf[i+q] = int32(best)
				}
			}
			return ctx.Err()
		})
	}
	return cellOf, group.Wait()
}

// roundQuery rounds a vector that is sought and gives its scale.
func roundQuery[T int16 | float32](dst []int8, vector []T) (scale float64) {
	scale = largest(vector) / dot.MaxQuery
	roundTo(dst, scale, vector)
	return scale
}
