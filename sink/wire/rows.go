package wire

import (
	"strings"

	"github.com/porevec/porevec/signal"
)

// RowsAtOnce is how many rows of a dimension are read from a file together: few
// enough to take little memory.
func RowsAtOnce(dim int) int { return max(1, min(4096, 1<<20/dim)) }

// Rows are rows as files have them: of one recipe, but of several runs.
type Rows struct {
	Batch                // its Run says nothing
	Runs        []string // acquisition ids
	SampleRates []uint16 // Hz; 0 unknown
}

// Next takes the first rows that are of one run; nil when none are left. The
// batch shares the rows' memory.
func (r *Rows) Next() *Batch {
	if r.Len() == 0 {
		return nil
	}
	n := 1
	for n < r.Len() && r.Runs[n] == r.Runs[0] && r.SampleRates[n] == r.SampleRates[0] {
		n++
	}
	next := &Batch{
		Run:    &signal.Run{AcquisitionID: strings.Clone(r.Runs[0]), SampleRateHz: r.SampleRates[0]},
		Recipe: r.Recipe,
	}
	take(&next.ReadIDs, &r.ReadIDs, n)
	take(&next.Channels, &r.Channels, n)
	take(&next.Muxes, &r.Muxes, n)
	take(&next.Chunks, &r.Chunks, n)
	take(&next.ReadStarts, &r.ReadStarts, n)
	take(&next.ChunkStarts, &r.ChunkStarts, n)
	take(&next.Samples, &r.Samples, n)
	take(&next.Flags, &r.Flags, n)
	take(&next.Vectors, &r.Vectors, n*r.Recipe.Dim)
	r.Runs, r.SampleRates = r.Runs[n:], r.SampleRates[n:]
	return next
}

func take[T any](to, from *[]T, n int) { *to, *from = (*from)[:n:n], (*from)[n:] }
