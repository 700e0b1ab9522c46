package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
)

// A block of 2.5 s arrives in pieces of a second, each when a sequencer would
// have measured it, and its memory is released with the last.
func TestPaceIsTheSequencers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := &signal.Read{Run: &signal.Run{SampleRateHz: 4000}, Start: 400_000}
		released := false
		block := signal.NewBlock(read, 8000, make([]int16, 10_000), func() { released = true })
		block.Last, block.GapBefore = true, true
		p := pacer{speed: 2}
		start := time.Now()
		var at []time.Duration
		var sizes []int
		var gaps, lasts []bool
		err := p.each(t.Context(), block, func(_ context.Context, b *signal.Block) error {
			at = append(at, time.Since(start))
			sizes = append(sizes, len(b.Samples))
			gaps, lasts = append(gaps, b.GapBefore), append(lasts, b.Last)
			if released {
				t.Error("released before its last piece")
			}
			b.Release()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 500 * time.Millisecond, 750 * time.Millisecond}
		if d := cmp.Diff(want, at); d != "" {
			t.Errorf("times (-want +got):\n%s", d)
		}
		if !cmp.Equal(sizes, []int{4000, 4000, 2000}) || !cmp.Equal(gaps, []bool{true, false, false}) ||
			!cmp.Equal(lasts, []bool{false, false, true}) || !released {
			t.Errorf("sizes %v, gaps %v, lasts %v, released %v", sizes, gaps, lasts, released)
		}
	})
}
