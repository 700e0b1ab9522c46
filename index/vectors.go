package index

import "math"

// vectors holds unit vectors of dim elements while an index is built: exact enough
// for all that is made of them, in half the memory of float32.
type vectors struct {
	dim    int
	values []int16 // times vectorUnit
}

const vectorUnit = 1.0 / math.MaxInt16

func newVectors(n, dim int) vectors { return vectors{dim, make([]int16, n*dim)} }

func (v vectors) len() int { return len(v.values) / v.dim }

func (v vectors) row(i int) []int16 { return v.values[i*v.dim : (i+1)*v.dim] }

// part shares the memory of rows from one to before another.
func (v vectors) part(from, to int) vectors { return vectors{v.dim, v.values[from*v.dim : to*v.dim]} }

// fill takes as many vectors as there is room for, and gives the rest.
func (v vectors) fill(from []float32) (rest []float32) {
	for i := range v.values {
		v.values[i] = int16(math.RoundToEven(float64(from[i]) / vectorUnit))
	}
	return from[len(v.values):]
}

// roundTo writes the whole numbers that, times scale, come closest to the values.
func roundTo[T int16 | float32](dst []int8, scale float64, values []T) {
	for i, v := range values {
		dst[i] = int8(math.RoundToEven(float64(v) / scale))
	}
}

// largest absolute value; never 0.
func largest[T int16 | float32](values []T) float64 {
	most := math.SmallestNonzeroFloat64
	for _, v := range values {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}
