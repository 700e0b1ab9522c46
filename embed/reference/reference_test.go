package reference_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/reference"
	"github.com/porevec/porevec/signal"
)

var _ embed.Encoder = (*reference.Encoder)(nil)

// The golden vectors come from ONNX Runtime; see embed.MinGoldenCosine for the
// tolerance.
func TestGoldenChunks(t *testing.T) {
	open := func(m embed.Model) (embed.Encoder, error) { return reference.New(m) }
	for _, m := range embed.Models() {
		if err := embed.CheckBuiltIn(t.Context(), m.ID, open).Err(); err != nil {
			t.Error(err)
		}
	}
}

func TestCancelled(t *testing.T) {
	m := embed.Models()[0]
	e, err := reference.New(m)
	if err != nil {
		t.Fatal(err)
	}
	goldens, err := embed.Goldens(m.ID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Encode(ctx, goldens[0].Batch(), make([]float32, m.Dim)); signal.ClassOf(err) != signal.Cancelled {
		t.Errorf("got %v", err)
	}
}

func TestUnknownOperator(t *testing.T) {
	m := embed.Models()[0]
	// Same length, so that the file stays well formed.
	m.File = []byte(strings.Replace(string(m.File), "ReduceL2", "ReduceL9", 1))
	if _, err := reference.New(m); err == nil || !strings.Contains(err.Error(), "ReduceL9") {
		t.Errorf("got %v, want an error that names the operator", err)
	}
}

// The golden test can fail: a wrong scale is far outside of its tolerance.
func TestGoldenChunksSeeAWrongScale(t *testing.T) {
	m := embed.Models()[0]
	e, err := reference.New(m)
	if err != nil {
		t.Fatal(err)
	}
	goldens, err := embed.Goldens(m.ID)
	if err != nil {
		t.Fatal(err)
	}
	in := goldens[0].Batch()
	in.Scale[0] *= 1.5
	out := make([]float32, m.Dim)
	if err := e.Encode(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	var cosine float64
	for i, x := range out {
		cosine += float64(x) * float64(goldens[0].Want[i])
	}
	if cosine > embed.MinGoldenCosine || math.IsNaN(cosine) {
		t.Errorf("cosine %v of a chunk that is scaled wrongly", cosine)
	}
}
