package device

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/embed"
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
	limited, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	s, err := open(limited, d, func(int, error) {})
	if err != nil {
		return 0, err
	}
	defer func() { await(s.close(), time.After(grace)) }()
	batch := chunk.Repeat(d.Chunks)
	// What is done once is not measured.
	if err := s.Encode(ctx, batch, make([]float32, batch.Len()*s.Model().Dim)); err != nil {
		return 0, err
	}
	if d.Calls > 0 {
		callers = d.Calls
	}
	begin := time.Now()
	samples, err := Drive(ctx, s, batch, callers, each)
	if err != nil {
		return 0, err
	}
	return float64(samples) / time.Since(begin).Seconds(), nil
}

// Drive lets so many callers encode a batch again and again, for at least so long, and
// counts the samples.
func Drive(ctx context.Context, c embed.Computer, batch *signal.Batch, callers int, long time.Duration) (samples uint64, err error) {
	var group errgroup.Group
	rounds := make([]int, callers)
	begin := time.Now()
	for i := range rounds {
		group.Go(func() error {
			out := make([]float32, batch.Len()*c.Model().Dim)
			for time.Since(begin) < long {
				if err := c.Encode(ctx, batch, out); err != nil {
					return err
				}
				rounds[i]++
			}
			return nil
		})
	}
	err = group.Wait()
	for _, n := range rounds {
		samples += uint64(n * len(batch.Samples))
	}
	return samples, err
}
