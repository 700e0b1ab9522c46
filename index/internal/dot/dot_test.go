package dot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// each runs a test for every implementation that this CPU has.
func each(t *testing.T, test func(t *testing.T, im implementation)) {
	has := map[string]implementation{}
	for _, im := range implementations {
		has[im.name] = im
	}
	for _, name := range []string{"portable", "avx2", "avx512vnni"} {
		t.Run(name, func(t *testing.T) {
			im, ok := has[name]
			if !ok {
				t.Skipf("this CPU does not run %s", name)
			}
			delete(has, name)
			t.Logf("%s runs", name)
			test(t, im)
		})
	}
	if len(has) > 0 {
		t.Errorf("untested implementations: %v", has)
	}
}

// use makes the exported functions run im until the test ends.
func use(tb testing.TB, im implementation) {
	before := fastest
	fastest = im
	tb.Cleanup(func() { fastest = before })
}

// pack packs rows of dim values; the last block is filled up with zeros.
func pack(rows []int8, dim int) []byte {
	n := len(rows) / dim
	blocks := make([]byte, (n+Rows-1)/Rows*Rows*dim)
	for row := 0; row < len(blocks)/dim; row++ {
		values := make([]int8, dim)
		if row < n {
			values = rows[row*dim:][:dim]
		}
		PackRow(blocks[row/Rows*Rows*dim:][:Rows*dim], row%Rows, values)
	}
	return blocks
}

// naive is the definition, for padded rows.
func naive(rows, queries []int8, dim int) []int32 {
	n := len(rows) / dim
	padded := (n + Rows - 1) / Rows * Rows
	scores := make([]int32, len(queries)/dim*padded)
	for q := range len(queries) / dim {
		for row := range n {
			for d := range dim {
				scores[q*padded+row] += int32(rows[row*dim+d]) * int32(queries[q*dim+d])
			}
		}
	}
	return scores
}

// values draws n values within ±most; a third of them are extremes.
func values(rng *rand.Rand, n, most int) []int8 {
	out := make([]int8, n)
	for i := range out {
		switch rng.IntN(6) {
		case 0:
			out[i] = int8(most)
		case 1:
			out[i] = int8(-most)
		default:
			out[i] = int8(rng.IntN(2*most+1) - most)
		}
	}
	return out
}

// check compares both exported functions with the definition. Places around the
// scores must stay as they are.
func check(t *testing.T, rows, queries []int8, dim int) {
	t.Helper()
	const guard = 0x5a5a5a5a
	guarded := func(n int) []int32 { return slices.Repeat([]int32{guard}, n+2*Rows) }
	blocks, want := pack(rows, dim), naive(rows, queries, dim)

	got := guarded(len(want))
	Scores(got[Rows:Rows+len(want)], blocks, queries)
	compare(t, "Scores", got[Rows:Rows+len(want)], want)
	padded := len(want) / Queries
	for q := range Queries {
		one := guarded(padded)
		ScoresOne(one[Rows:Rows+padded], blocks, queries[q*dim:][:dim])
		compare(t, "ScoresOne", one[Rows:Rows+padded], want[q*padded:][:padded])
		for i := range Rows {
			if one[i] != guard || one[Rows+padded+i] != guard || got[i] != guard || got[Rows+len(want)+i] != guard {
				t.Fatal("scores were written out of place")
			}
		}
	}
}

func compare(t *testing.T, what string, got, want []int32) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s[%d] is %d, want %d", what, i, got[i], want[i])
		}
	}
}

func TestScoresAreTheDefinition(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		use(t, im)
		rng := rand.New(rand.NewPCG(1, 2))
		for dim := 4; dim <= 256; dim += 4 {
			n := 1 + rng.IntN(5*Rows)
			check(t, values(rng, n*dim, 127), values(rng, Queries*dim, MaxQuery), dim)
		}
		check(t, values(rng, 33*MaxDim, 127), values(rng, Queries*MaxDim, MaxQuery), MaxDim)
		for _, n := range []int{1, 15, 16, 17, 31, 32, 1000} {
			check(t, values(rng, n*8, 127), values(rng, Queries*8, MaxQuery), 8)
		}
	})
}

// All products at their largest: nothing may saturate or wrap.
func TestScoresAtTheExtremes(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		use(t, im)
		for _, dim := range []int{4, 128, MaxDim} {
			for _, v := range []int8{-128, -127, 0, 127} {
				queries := slices.Concat(slices.Repeat([]int8{MaxQuery}, 4*dim), slices.Repeat([]int8{-MaxQuery}, 4*dim))
				check(t, slices.Repeat([]int8{v}, 17*dim), queries, dim)
			}
		}
	})
}

// Every implementation must give what the portable one gives, at any alignment.
func TestImplementationsAgree(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		rng := rand.New(rand.NewPCG(3, 4))
		for shift := range 64 {
			dim, n := 4*(1+rng.IntN(64)), Rows*(1+rng.IntN(6))
			blocks := make([]byte, shift+n*dim)[shift:]
			for i := range blocks {
				blocks[i] = byte(rng.Uint32())
			}
			queries := values(rng, shift+Queries*dim, MaxQuery)[shift:]
			var starts [Queries]int32
			for q := range starts {
				starts[q] = int32(rng.IntN(1<<24) - 1<<23)
			}
			want, got := make([]int32, Queries*n), make([]int32, shift+Queries*n)[shift:]
			portable.eight(want, blocks, queries, starts)
			im.eight(got, blocks, queries, starts)
			compare(t, "eight", got, want)
			portable.one(want[:n], blocks, queries[:dim], starts[0])
			im.one(got[:n], blocks, queries[:dim], starts[0])
			compare(t, "one", got[:n], want[:n])
		}
	})
}

func TestPackRowFollowsTheLayout(t *testing.T) {
	const dim = 12
	block := make([]byte, dim*Rows)
	for i := range Rows {
		row := make([]int8, dim)
		for d := range row {
			row[d] = int8(i*dim + d - 100)
		}
		PackRow(block, i, row)
	}
	for i := range Rows {
		for d := range dim {
			if got, want := block[d/4*64+i*4+d%4], byte(i*dim+d+28); got != want {
				t.Errorf("row %d, dimension %d is %d, want %d", i, d, got, want)
			}
		}
	}
}

func TestWrongArgumentsPanic(t *testing.T) {
	const dim = 8
	block := make([]byte, dim*Rows)
	for what, call := range map[string]func(){
		"row below":         func() { PackRow(block, -1, make([]int8, dim)) },
		"row above":         func() { PackRow(block, Rows, make([]int8, dim)) },
		"short block":       func() { PackRow(block[1:], 0, make([]int8, dim)) },
		"row of no values":  func() { PackRow(nil, 0, nil) },
		"odd dimensions":    func() { ScoresOne(make([]int32, Rows), make([]byte, 6*Rows), make([]int8, 6)) },
		"many dimensions":   func() { ScoresOne(nil, nil, make([]int8, MaxDim+4)) },
		"no queries":        func() { Scores(nil, nil, nil) },
		"seven and a half":  func() { Scores(make([]int32, Queries*Rows), block, make([]int8, Queries*dim-4)) },
		"short scores":      func() { Scores(make([]int32, Queries*Rows-1), block, make([]int8, Queries*dim)) },
		"long scores":       func() { ScoresOne(make([]int32, Rows+1), block, make([]int8, dim)) },
		"part of a block":   func() { ScoresOne(make([]int32, Rows), block[dim:], make([]int8, dim)) },
		"query above":       func() { ScoresOne(make([]int32, Rows), block, []int8{0, 0, 0, 64, 0, 0, 0, 0}) },
		"query below":       func() { ScoresOne(make([]int32, Rows), block, []int8{0, 0, 0, -64, 0, 0, 0, 0}) },
		"top of nothing":    func() { NewTop(0) },
		"top of very much":  func() { NewTop(MaxTop + 1) },
		"scores, no blocks": func() { Scores(make([]int32, Rows), nil, make([]int8, Queries*dim)) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if message, ok := recover().(string); !ok || !strings.HasPrefix(message, "dot: ") {
					t.Errorf("recovered %q", message)
				}
			}()
			call()
		})
	}
	Scores(nil, nil, make([]int8, Queries*dim))
	ScoresOne(nil, nil, make([]int8, dim))
}

func TestScoringAllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, im implementation) {
		use(t, im)
		const dim = 16
		scores, blocks, queries := make([]int32, Queries*Rows), make([]byte, dim*Rows), make([]int8, Queries*dim)
		top := NewTop(10)
		if n := testing.AllocsPerRun(10, func() {
			Scores(scores, blocks, queries)
			ScoresOne(scores[:Rows], blocks, queries[:dim])
			top.Reset()
			top.Add(scores, 0)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func FuzzScores(f *testing.F) {
	f.Add(uint8(0), []byte{255, 0, 127, 128})
	f.Add(uint8(1), []byte("rows and queries are cut from the same bytes"))
	f.Add(uint8(31), slices.Repeat([]byte{0, 255, 1}, 1000))
	f.Fuzz(func(t *testing.T, groups uint8, data []byte) {
		dim := 4 * (int(groups)%64 + 1)
		queries := make([]int8, Queries*dim)
		for i := range min(len(data), len(queries)) {
			queries[i] = int8(data[i]&127) % (MaxQuery + 1)
			if data[i] > 127 {
				queries[i] = -queries[i]
			}
		}
		rows := make([]int8, len(data)/dim*dim)
		for i := range rows {
			rows[i] = int8(data[len(data)-1-i])
		}
		for _, im := range implementations {
			use(t, im)
			check(t, rows, queries, dim)
		}
	})
}

func BenchmarkScores(b *testing.B) {
	const dim = 128
	rng := rand.New(rand.NewPCG(5, 6))
	for _, rows := range []int{4096, 125_008} {
		blocks := make([]byte, rows*dim)
		for i := range blocks {
			blocks[i] = byte(rng.Uint32())
		}
		queries := values(rng, Queries*dim, MaxQuery)
		scores := make([]int32, Queries*rows)
		for _, im := range implementations {
			for _, n := range []int{1, Queries} {
				b.Run(fmt.Sprintf("rows=%d/%s/queries=%d", rows, im.name, n), func(b *testing.B) {
					use(b, im)
					for b.Loop() {
						if n == 1 {
							ScoresOne(scores[:rows], blocks, queries[:dim])
						} else {
							Scores(scores, blocks, queries)
						}
					}
					b.ReportMetric(float64(n*rows*dim)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
				})
			}
		}
	}
}

// Eight queries against 125,008 rows, scored and sorted out a stretch at a time.
func BenchmarkSearch(b *testing.B) {
	const dim, rows = 128, 125_008
	rng := rand.New(rand.NewPCG(7, 8))
	blocks := make([]byte, rows*dim)
	for i := range blocks {
		blocks[i] = byte(rng.Uint32())
	}
	queries := values(rng, Queries*dim, MaxQuery)
	var tops [Queries]*Top
	for q := range tops {
		tops[q] = NewTop(10)
	}
	for _, im := range implementations {
		for _, stretch := range []int{128, 512, 2048, 8192} {
			scores := make([]int32, Queries*stretch)
			b.Run(fmt.Sprintf("%s/stretch=%d", im.name, stretch), func(b *testing.B) {
				use(b, im)
				for b.Loop() {
					for _, top := range tops {
						top.Reset()
					}
					for first := 0; first < rows; first += stretch {
						n := min(stretch, rows-first)
						Scores(scores[:Queries*n], blocks[first*dim:][:n*dim], queries)
						for q, top := range tops {
							top.Add(scores[q*n:][:n], first)
						}
					}
				}
				b.ReportMetric(float64(Queries*rows*dim)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
			})
		}
	}
}
