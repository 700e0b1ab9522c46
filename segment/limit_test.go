package segment

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/porevec/porevec/signal"
)

// What a limit leaves of a read are chunks of the read without it, and every sample is
// accounted for.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     Config
		limit   Limit
		starts  []uint64
		limited uint64
	}{
		{"overlap by half", Config{Window: 100, Hop: 50, MinSamples: 40}, Limit{NoOverlap: true}, []uint64{0, 100, 200, 300}, 0},
		{"overlap by a third", Config{Window: 90, Hop: 60, MinSamples: 40}, Limit{NoOverlap: true}, []uint64{0, 120, 240, 310}, 60},
		{"no overlap", Config{Window: 100, Hop: 100, MinSamples: 40}, Limit{NoOverlap: true}, []uint64{0, 100, 200, 300}, 0},
		{"two chunks", Config{Window: 100, Hop: 100, MinSamples: 40}, Limit{Chunks: 2}, []uint64{0, 100}, 200},
		{"two of three", Config{Window: 100, Hop: 100, MinSamples: 40, MaxChunks: 3}, Limit{Chunks: 2}, []uint64{0, 100}, 200},
		{"three, at most two", Config{Window: 100, Hop: 100, MinSamples: 40, MaxChunks: 2}, Limit{Chunks: 3}, []uint64{0, 100}, 0},
		{"both", Config{Window: 100, Hop: 50, MinSamples: 40}, Limit{NoOverlap: true, Chunks: 3}, []uint64{0, 100}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, samples := testRead(400)
			for _, block := range []int{1, 33, 100, 1000} {
				out := &cutting{}
				s := segmenter(t, c.cfg)
				s.SetLimit(c.limit)
				push(t, s, out, read, samples, block)
				var starts []uint64
				for _, k := range out.chunks {
					starts = append(starts, k.Start)
				}
				if !slices.Equal(starts, c.starts) || out.skipped[Limited] != c.limited || out.accounted() != 400 {
					t.Errorf("blocks of %d: chunks at %v, want %v; %v skipped; %d accounted for", block, starts, c.starts, out.skipped, out.accounted())
				}
			}
		})
	}
}

func TestLimitsThatChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cfg := Config{Window: 100, Hop: 50, MinSamples: 40, LeaderSamples: 30}
	for range 300 {
		read, samples := testRead(100 + rng.IntN(3000))
		all := &cutting{}
		push(t, segmenter(t, cfg), all, read, samples, 1000)
		places := make(map[uint32]signal.Chunk)
		for _, k := range all.chunks {
			places[k.Index] = k
		}
		out := &cutting{}
		s := segmenter(t, cfg)
		for at := 0; at < len(samples); {
			s.SetLimit(Limit{NoOverlap: rng.IntN(2) == 0, Chunks: rng.IntN(30)})
			end := min(at+1+rng.IntN(400), len(samples))
			b := signal.NewBlock(read, uint64(at), samples[at:end], nil)
			b.Last = end == len(samples)
			if err := s.Push(b, out); err != nil {
				t.Fatal(err)
			}
			at = end
		}
		if out.accounted() != uint64(len(samples)) {
			t.Fatalf("%d of %d samples are accounted for: %v", out.accounted(), len(samples), out.skipped)
		}
		for i, k := range out.chunks {
			// The last one may be of what is left behind a limit that was lifted.
			if want := places[k.Index]; k.Flags&signal.FlagShort == 0 && (k.Start != want.Start || k.Samples != want.Samples) || !slices.Equal(out.samples[i], samples[k.Start:k.Start+uint64(k.Samples)]) {
				t.Fatalf("chunk %d at %d with %d samples, without a limit at %d with %d", k.Index, k.Start, k.Samples, want.Start, want.Samples)
			}
		}
	}
}
