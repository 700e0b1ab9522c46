// Package hashtower is a space of vectors for tests: quick, and exact on every
// computer.
package hashtower

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/porevec/porevec/embed"
)

// Dim is the length of its vectors.
const Dim = 32

// Tower embeds windows by the 6-mers in each eighth of them: as in the space of an
// encoder, windows that overlap are alike. It takes 10 samples for a base.
type Tower struct{}

// Tower says that vectors of the digest "signal" lie in the space.
func (Tower) Tower() embed.Tower {
	return embed.Tower{
		Model:   embed.Model{ID: "hash@v1", Digest: "tower", Dim: Dim, SamplesPerBase: 10, Windows: []int{1000, 2000}, LeaderSamples: 100},
		Signals: map[string]string{"int8": "signal"},
	}
}

// Embed has the contract of package embed/ort.
func (Tower) Embed(shares []float32, windows []embed.Span, out []float32) error {
	const k = 6
	all := len(shares) / 4
	for i, w := range windows {
		vector := out[i*Dim:][:Dim]
		clear(vector)
		for at := range w.Length - k + 1 {
			word := uint64(0)
			for j := range k {
				for base := range 4 {
					word = word*31 + uint64(4*shares[base*all+w.Start+at+j])
				}
			}
			rng := rand.New(rand.NewPCG(word, 7))
			for range 3 {
				vector[at*8/w.Length*4+rng.IntN(4)] += float32(rng.NormFloat64())
			}
		}
		square := 0.0
		for _, v := range vector {
			square += float64(v) * float64(v)
		}
		for j := range vector {
			vector[j] /= float32(math.Sqrt(square))
		}
	}
	return nil
}

// Vector embeds one window, letters A, C, G and T.
func Vector(bases string) []float32 {
	shares := make([]float32, 4*len(bases))
	for i := range bases {
		shares[strings.IndexByte("ACGT", bases[i])*len(bases)+i] = 1
	}
	out := make([]float32, Dim)
	_ = Tower{}.Embed(shares, []embed.Span{{Length: len(bases)}}, out) // never fails
	return out
}

// Sequence is n random bases.
func Sequence(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, n)
	for i := range out {
		out[i] = "ACGT"[rng.IntN(4)]
	}
	return string(out)
}

// Reversed is the reverse complement.
func Reversed(s string) string {
	out := make([]byte, len(s))
	for i := range s {
		out[len(s)-1-i] = map[byte]byte{'A': 'T', 'C': 'G', 'G': 'C', 'T': 'A'}[s[i]]
	}
	return string(out)
}
