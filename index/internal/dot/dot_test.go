package dot

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// random makes rows, some of them with the extreme values, and packs them.
func random(rng *rand.Rand, rows, dim int) (values [][]int8, blocks []byte) {
	blocks = make([]byte, (rows+Rows-1)/Rows*Rows*dim)
	empty := make([]int8, dim)
	for row := range len(blocks) / dim {
		v := empty
		if row < rows {
			v = draw(rng, dim, 127)
		}
		values = append(values, v)
		PackRow(blocks[row/Rows*Rows*dim:], row%Rows, v)
	}
	return values, blocks
}

func draw(rng *rand.Rand, dim, most int) []int8 {
	v := make([]int8, dim)
	extreme := rng.IntN(4)
	for i := range v {
		switch v[i] = int8(rng.IntN(2*most+1) - most); extreme {
		case 0:
			v[i] = int8(most)
		case 1:
			v[i] = int8(-most)
		case 2:
			v[i] = int8(most * (2*rng.IntN(2) - 1))
		}
	}
	return v
}

// naive is what is meant.
func naive(a, b []int8) (sum int32) {
	for i := range a {
		sum += int32(a[i]) * int32(b[i])
	}
	return sum
}

// with runs a test once per kernel of this processor.
func with(t *testing.T, test func(t *testing.T)) {
	before := best
	t.Cleanup(func() { best = before })
	for _, k := range kernels() {
		best = k
		t.Run(k.name, test)
	}
}

func TestScores(t *testing.T) {
	with(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for dim := 4; dim <= 256; dim += 4 {
			for _, rows := range []int{1, 16, 17, 64, 65, 100} {
				compare(t, rng, rows, dim)
			}
		}
	})
}

func compare(t *testing.T, rng *rand.Rand, rows, dim int) {
	t.Helper()
	values, blocks := random(rng, rows, dim)
	rows = len(values)
	var queries []int8
	for range Queries {
		queries = append(queries, draw(rng, dim, 63)...)
	}
	scores := make([]int32, Queries*rows+1)
	scores[Queries*rows] = 12345 // must stay
	Scores(scores[:Queries*rows], blocks, queries, dim)
	one := make([]int32, rows)
	for q := range Queries {
		query := queries[q*dim:][:dim]
		ScoresOne(one, blocks, query, dim)
		for row, v := range values {
			want := naive(v, query)
			if scores[q*rows+row] != want || one[row] != want {
				t.Fatalf("dim %d, row %d of %d, query %d: %d together, %d alone, want %d", dim, row, rows, q, scores[q*rows+row], one[row], want)
			}
		}
	}
	if scores[Queries*rows] != 12345 {
		t.Fatal("written behind the end")
	}
}

func TestRowsComeBack(t *testing.T) {
	values, blocks := random(rand.New(rand.NewPCG(3, 3)), 40, 12)
	for row, want := range values {
		if got := Row(blocks, row, 12); !slices.Equal(got, want) {
			t.Errorf("row %d is %v, want %v", row, got, want)
		}
	}
}

func TestNothingToScore(t *testing.T) {
	Scores(nil, nil, make([]int8, Queries*8), 8)
	ScoresOne(nil, nil, make([]int8, 8), 8)
}

func TestWrongSizesPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"dimension":  func() { ScoresOne(make([]int32, 16), make([]byte, 16*6), make([]int8, 6), 6) },
		"half block": func() { ScoresOne(make([]int32, 8), make([]byte, 8*8), make([]int8, 8), 8) },
		"room":       func() { Scores(make([]int32, 16), make([]byte, 16*8), make([]int8, Queries*8), 8) },
		"query":      func() { ScoresOne(make([]int32, 16), make([]byte, 16*8), make([]int8, 4), 8) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

// sorted is what Top is for.
func sorted(scores []int32, count int) []Scored {
	all := make([]Scored, len(scores))
	for i, s := range scores {
		all[i] = Scored{s, int32(i)}
	}
	slices.SortFunc(all, func(a, b Scored) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row)) })
	return all[:min(count, len(all))]
}

func TestTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var top Top
	for range 2000 {
		scores := make([]int32, rng.IntN(100))
		for i := range scores {
			scores[i] = int32(rng.IntN(40) - 20) // many are equal
		}
		count, cut := 1+rng.IntN(20), rng.IntN(len(scores)+1)
		want := sorted(scores, count)
		for _, swapped := range []bool{false, true} {
			top.Reset(count)
			if swapped {
				top.Add(scores[cut:], int32(cut))
				top.Add(scores[:cut], 0)
			} else {
				top.Add(scores[:cut], 0)
				top.Add(scores[cut:], int32(cut))
			}
			if got := top.Sorted(); !slices.Equal(got, want) {
				t.Fatalf("the best %d of %v, cut at %d: %v, want %v", count, scores, cut, got, want)
			}
		}
	}
}

func FuzzScores(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(40))
	f.Add(uint64(2), uint8(31), uint8(16))
	f.Fuzz(func(t *testing.T, seed uint64, groups, rows uint8) {
		before := best
		defer func() { best = before }()
		for _, k := range kernels() {
			best = k
			compare(t, rand.New(rand.NewPCG(seed, 0)), 1+int(rows), 4*(1+int(groups)))
		}
	})
}

// BenchmarkScores tells billions of products of two values per second.
func BenchmarkScores(b *testing.B) {
	const dim = 128
	for _, rows := range []int{1 << 10, 125_008} {
		_, blocks := random(rand.New(rand.NewPCG(5, 5)), rows, dim)
		queries := make([]int8, Queries*dim)
		scores := make([]int32, Queries*rows)
		before := best
		for _, k := range kernels() {
			best = k
			run := func(name string, queryCount int, do func()) {
				b.Run(fmt.Sprintf("%s/rows=%d/%s", k.name, rows, name), func(b *testing.B) {
					for b.Loop() {
						do()
					}
					b.ReportMetric(float64(queryCount*rows*dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
				})
			}
			run("eight", Queries, func() { Scores(scores, blocks, queries, dim) })
			run("one", 1, func() { ScoresOne(scores[:rows], blocks, queries[:dim], dim) })
		}
		best = before
	}
}

func BenchmarkTop(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 6))
	scores := make([]int32, 1<<17)
	for i := range scores {
		scores[i] = int32(10_000 * rng.NormFloat64())
	}
	var top Top
	for b.Loop() {
		top.Reset(20)
		top.Add(scores, 0)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(len(scores))*1e9, "ns/score")
}
