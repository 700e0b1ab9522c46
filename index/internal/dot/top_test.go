package dot

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sorted is the definition of Top.
func sorted(scores []int32, k int) []Hit {
	hits := make([]Hit, len(scores))
	for i, s := range scores {
		hits[i] = Hit{s, i}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
	return hits[:min(k, len(hits))]
}

// checkTop adds stretches of the scores in a random order.
func checkTop(t *testing.T, rng *rand.Rand, scores []int32, k int) {
	t.Helper()
	ends := []int{0, len(scores)}
	for range rng.IntN(8) {
		ends = append(ends, rng.IntN(len(scores)+1))
	}
	slices.Sort(ends)
	top := NewTop(k)
	for _, i := range rng.Perm(len(ends) - 1) {
		top.Add(scores[ends[i]:ends[i+1]], ends[i])
	}
	if want := sorted(scores, k); !slices.Equal(top.Hits(), want) {
		t.Fatalf("top %d of %d in stretches %v: got %v, want %v", k, len(scores), ends, top.Hits(), want)
	}
}

func TestTopIsAPrefixOfTheSortedRows(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		use(t, im)
		rng := rand.New(rand.NewPCG(1, 2))
		for _, distinct := range []int32{1, 2, 10, math.MaxInt32} {
			for range 500 {
				scores := make([]int32, rng.IntN(400))
				for i := range scores {
					scores[i] = rng.Int32N(distinct) - distinct/2
				}
				checkTop(t, rng, scores, 1+rng.IntN(MaxTop))
			}
		}
	})
}

func TestTopOrdersTheSmallestAndLargestScores(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		use(t, im)
		rng := rand.New(rand.NewPCG(3, 4))
		scores := slices.Repeat([]int32{math.MinInt32, math.MaxInt32, 0, math.MinInt32}, 30)
		for k := 1; k <= MaxTop; k++ {
			checkTop(t, rng, scores, k)
		}
	})
}

func TestResetForgets(t *testing.T) {
	top := NewTop(2)
	top.Add([]int32{7, 8, 9}, 0)
	top.Reset()
	if len(top.Hits()) != 0 {
		t.Errorf("%v after Reset", top.Hits())
	}
	top.Add([]int32{1}, 5)
	if want := []Hit{{1, 5}}; !slices.Equal(top.Hits(), want) {
		t.Errorf("got %v, want %v", top.Hits(), want)
	}
}

func TestAtLeastFindsTheFirst(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		for n := range 70 {
			scores := slices.Repeat([]int32{-5}, n)
			if got := im.atLeast(scores, -4); got != n {
				t.Errorf("found %d of %d low scores", got, n)
			}
			for i := range n {
				scores[i] = -4
				if i+3 < n {
					scores[i+3] = 9
				}
				if got := im.atLeast(scores, -4); got != i {
					t.Errorf("found %d of %d, not %d", got, n, i)
				}
				scores = slices.Repeat([]int32{-5}, n)
			}
		}
	})
}

func FuzzTop(f *testing.F) {
	f.Add(uint8(1), uint64(0), []byte("equal scores, equal scores, equal scores"))
	f.Add(uint8(63), uint64(9), slices.Repeat([]byte{0, 1, 255, 128, 127}, 100))
	f.Fuzz(func(t *testing.T, k uint8, seed uint64, data []byte) {
		scores := make([]int32, len(data)/2)
		for i := range scores {
			scores[i] = int32(int16(binary.LittleEndian.Uint16(data[2*i:])))
		}
		for _, im := range implementations {
			use(t, im)
			checkTop(t, rand.New(rand.NewPCG(seed, 0)), scores, 1+int(k)%MaxTop)
		}
	})
}

func BenchmarkTop(b *testing.B) {
	const rows = 125_000
	rng := rand.New(rand.NewPCG(5, 6))
	scores := make([]int32, rows)
	for i := range scores {
		scores[i] = int32(100_000 * rng.NormFloat64())
	}
	for _, im := range implementations {
		for _, k := range []int{1, 10, MaxTop} {
			b.Run(fmt.Sprintf("%s/k=%d", im.name, k), func(b *testing.B) {
				use(b, im)
				top := NewTop(k)
				for b.Loop() {
					top.Reset()
					top.Add(scores, 0)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/score")
			})
		}
	}
}
