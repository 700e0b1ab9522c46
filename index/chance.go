package index

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/porevec/porevec/index/internal/dot"
)

// chanceSample is how many windows are compared with as many others to see how
// alike any two are.
const chanceSample = 1 << 10

// LogMeanExp tells how alike the windows of a layer are by themselves: the
// logarithm of the mean of exp(sharpness · similarity) between a window and the
// rest, without its own neighbourhood; the median over windows, so that repeats do
// not count.
func (ix *Index) LogMeanExp(layer int, sharpness float64) float64 {
	l := &ix.layers[layer]
	dim := ix.Model.Dim
	rng := rand.New(rand.NewPCG(uint64(l.Count), uint64(l.Span)))
	draw := func() (windows []Window, values [][]int8) {
		for len(windows) < chanceSample {
			row := rng.IntN(l.Rows)
			if id := l.ids[row]; id != noWindow {
				windows = append(windows, l.numbering.window(int(id)))
				values = append(values, dot.Row(l.vectors, row, dim))
			}
		}
		return windows, values
	}
	ones, oneValues := draw()
	others, otherValues := draw()
	packed := pack(len(others), dim, func(i int, row []int8) { copy(row, otherValues[i]) })

	var logs []float64
	query, vector, scores := make([]int8, dim), make([]float32, dim), make([]int32, chanceSample)
	for i, one := range ones {
		for j, v := range oneValues[i] {
			vector[j] = float32(float64(v) * l.Scale)
		}
		scale := roundQuery(query, vector) * l.Scale
		dot.ScoresOne(scores, packed, query)
		sum, count := 0.0, 0
		for j, other := range others {
			near := max(one.Start-other.Start, other.Start-one.Start) < l.Span
			if one.Contig != other.Contig || one.Reverse != other.Reverse || !near {
				sum += math.Exp(sharpness * scale * float64(scores[j]))
				count++
			}
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
