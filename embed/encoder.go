package embed

import (
	"context"
	"fmt"
	"math"

	"github.com/porevec/porevec/signal"
)

// Computer maps chunks to vectors: an [Encoder], or something that stands before one. It
// is safe for concurrent use.
type Computer interface {
	// Encode writes the vectors of in, chunk after chunk, into out, which has
	// in.Len()·Model().Dim values. It keeps neither. Errors are [signal.Error]s.
	Encode(ctx context.Context, in *signal.Batch, out []float32) error
	Model() Model
}

// Encoder is a Computer of one's own.
type Encoder interface {
	Computer
	// Close frees the encoder after the calls of Encode that are under way.
	Close() error
}

// CheckBatch says what is wrong with the arguments of Encode, if anything.
func (m *Model) CheckBatch(in *signal.Batch, out []float32) error {
	n := in.Len()
	switch {
	case in.Window < m.MinSamples:
		return fmt.Errorf("chunks of %d samples: %s needs %d or more", in.Window, m.ID, m.MinSamples)
	case in.Window > m.MaxSamples():
		return fmt.Errorf("chunks of %d samples: %s takes %d or fewer", in.Window, m.ID, m.MaxSamples())
	case len(in.Samples) != n*in.Window:
		return fmt.Errorf("%d samples in a batch of %d chunks of %d", len(in.Samples), n, in.Window)
	case len(in.Shift) != n || len(in.Scale) != n:
		return fmt.Errorf("%d shifts and %d scales in a batch of %d chunks", len(in.Shift), len(in.Scale), n)
	case len(out) != n*m.Dim:
		return fmt.Errorf("room for %d values: %d chunks of %d dimensions need %d", len(out), n, m.Dim, n*m.Dim)
	}
	for i := range n {
		shift, scale := float64(in.Shift[i]), float64(in.Scale[i])
		if math.IsNaN(shift) || math.IsInf(shift, 0) || math.IsInf(scale, 0) || !(scale > 0) {
			return fmt.Errorf("chunk %d of the batch: shift %v and scale %v normalize nothing", i, shift, scale)
		}
	}
	return nil
}
