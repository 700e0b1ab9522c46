package ort_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
)

func openTower(t *testing.T, id string) *ort.Tower {
	t.Helper()
	found, err := embed.FindTower(id)
	if err != nil {
		t.Fatal(err)
	}
	needRuntime(t)
	tower, err := ort.NewTower(found)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, tower)
	return tower
}

// shares of n random bases.
func shares(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, 4*n)
	for i := range n {
		out[rng.IntN(4)*n+i] = 1
	}
	return out
}

// cut takes a stretch out of shares.
func cut(from []float32, start, length int) []float32 {
	n := len(from) / 4
	var out []float32
	for row := range 4 {
		out = append(out, from[row*n+start:][:length]...)
	}
	return out
}

// TestWindowsOfAStretch compares windows that share frames with the same windows
// alone, as the whole tower sees them.
func TestWindowsOfAStretch(t *testing.T) {
	for _, m := range embed.Models() {
		tower := openTower(t, m.ID)
		all := shares(2000)
		windows := []embed.Span{{Start: 0, Length: 328}, {Start: 640, Length: 328}, {Start: 672, Length: 164}, {Start: 1672, Length: 328}}
		out := make([]float32, len(windows)*m.Dim)
		if err := tower.Embed(all, windows, out); err != nil {
			t.Fatal(err)
		}
		for i, w := range windows {
			shared := out[i*m.Dim:][:m.Dim]
			alone := make([]float32, m.Dim)
			if err := tower.Embed(cut(all, w.Start, w.Length), []embed.Span{{Length: w.Length}}, alone); err != nil {
				t.Fatal(err)
			}
			var dot, length float64
			for j := range shared {
				dot += float64(shared[j]) * float64(alone[j])
				length += float64(shared[j]) * float64(shared[j])
			}
			if dot < 0.98 || math.Abs(length-1) > 1e-3 {
				t.Errorf("%s: window %+v: cosine %v to itself alone, length %v", m.ID, w, dot, length)
			}
			// What lies 64 bases away does not matter: the same in a shorter stretch.
			from, to := max(w.Start-64, 0), min(w.Start+w.Length+64, 2000)
			near := make([]float32, m.Dim)
			if err := tower.Embed(cut(all, from, to-from), []embed.Span{{Start: w.Start - from, Length: w.Length}}, near); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(shared, near, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }) {
				t.Errorf("%s: window %+v depends on what is far away", m.ID, w)
			}
		}
	}
}

func TestTowerRefusesWrongSizes(t *testing.T) {
	tower := openTower(t, embed.Models()[0].ID)
	out := make([]float32, tower.Tower().Dim)
	for name, call := range map[string]func() error{
		"no window":      func() error { return tower.Embed(shares(100), nil, nil) },
		"not in bases":   func() error { return tower.Embed(shares(100)[:399], []embed.Span{{Length: 90}}, out) },
		"beyond the end": func() error { return tower.Embed(shares(100), []embed.Span{{Start: 50, Length: 90}}, out) },
		"before it":      func() error { return tower.Embed(shares(100), []embed.Span{{Start: -1, Length: 90}}, out) },
		"too short":      func() error { return tower.Embed(shares(100), []embed.Span{{Length: 8}}, out) },
		"no room":        func() error { return tower.Embed(shares(100), []embed.Span{{Length: 90}}, out[1:]) },
	} {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
