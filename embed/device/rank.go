package device

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/signal"
)

// Speed is how fast a device is.
type Speed struct {
	Device      Device
	SamplesPerS float64
	// Err is why the device is of no use; nil: it works and is right.
	Err error
}

// Rank opens, proves and measures devices, each for so long, and gives them with the
// fastest first and useless ones last. A device computes copies of chunk, as many at a
// time as it takes; callers is how many ask one that has no number of calls of its own.
func Rank(ctx context.Context, devices []Device, chunk *signal.Batch, callers int, each time.Duration) []Speed {
	var speeds []Speed
	for _, d := range devices {
		speed, err := measure(ctx, &d, chunk, callers, each)
		speeds = append(speeds, Speed{d, speed, err})
	}
	slices.SortStableFunc(speeds, func(a, b Speed) int { return cmp.Compare(b.SamplesPerS, a.SamplesPerS) })
	return speeds
}

func measure(ctx context.Context, d *Device, chunk *signal.Batch, callers int, each time.Duration) (samplesPerS float64, err error) {
	s, err := open(ctx, d, func(int, error) {})
	if err != nil {
		return 0, err
	}
	defer func() { await(s.close(), time.After(grace)) }()
	batch := signal.NewBatch(d.Chunks, chunk.Window)
	for range d.Chunks {
		batch.Chunks = append(batch.Chunks, chunk.Chunks[0])
		batch.Samples = append(batch.Samples, chunk.Samples[:chunk.Window]...)
		batch.Shift, batch.Scale = append(batch.Shift, chunk.Shift[0]), append(batch.Scale, chunk.Scale[0])
	}
	run := func() error {
		return s.Encode(ctx, batch, make([]float32, d.Chunks*s.Model().Dim))
	}
	if err := run(); err != nil { // what is done once is not measured
		return 0, err
	}
	if d.Calls > 0 {
		callers = d.Calls
	}
	rounds := make([]int, callers)
	var group errgroup.Group
	begin := time.Now()
	for i := range rounds {
		group.Go(func() error {
			for time.Since(begin) < each {
				if err := run(); err != nil {
					return err
				}
				rounds[i]++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	took, all := time.Since(begin).Seconds(), 0
	for _, n := range rounds {
		all += n
	}
	return float64(all*len(batch.Samples)) / took, nil
}
