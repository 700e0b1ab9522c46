package embed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Prove says why the vectors of golden chunks are not those of the encoder's release, if
// so. files are the encoder's, the golden ones among them.
func Prove(ctx context.Context, c Computer, files []Artefact) error {
	set, err := goldensIn(files)
	if err != nil {
		return err
	}
	vectors, err := vectorsOf(ctx, c, set.chunks)
	for _, w := range set.wants(c.Model()) {
		if f := w.compare(vectors, set.chunks, err); !f.Pass {
			return errors.New(f.String())
		}
	}
	return nil
}

// goldensIn parses the golden chunks among the files of an encoder; none is an error.
func goldensIn(files []Artefact) (goldenSet, error) {
	for _, a := range files {
		if a.Kind == KindGolden {
			return parseGoldens(a.Content)
		}
	}
	return goldenSet{}, errors.New("no golden chunks come with the encoder: it cannot be proven")
}

// wanted is what the vectors of a file are compared with.
type wanted struct {
	check   string
	least   float64 // cosine
	vector  func(Golden) []float32
	against string
}

// wants are those of a kind of file. The integers that it was released with are the same
// on every CPU; symmetric ones round elsewhere.
func (s goldenSet) wants(m Model) []wanted {
	released := func(g Golden) []float32 { return g.Want }
	exact := func(g Golden) []float32 { return g.WantFP32 }
	least := cmp.Or(s.minCosine, MinGoldenCosine)
	switch {
	case strings.HasPrefix(m.QuantScheme, "qdq-s8s8"):
		return []wanted{{CheckINT8, MinINT8Cosine, exact, "float32 vectors"}}
	case m.ID == "": // no encoder at all
		return []wanted{{CheckGolden, least, released, "released vectors"}}
	case strings.HasPrefix(m.QuantScheme, "qdq"):
		return []wanted{{CheckGolden, least, released, "released vectors"}, {CheckINT8, MinINT8Cosine, exact, "float32 vectors"}}
	}
	return []wanted{s.wantsFP32(CheckGolden)}
}

// wantsFP32 is what a file in floating point is compared with, under the name of a check.
func (s goldenSet) wantsFP32(check string) wanted {
	return wanted{check, cmp.Or(s.minCosine, MinGoldenCosine), func(g Golden) []float32 { return g.WantFP32 }, "released float32 vectors"}
}

// vectorsOf computes golden chunks one by one.
func vectorsOf(ctx context.Context, c Computer, chunks []Golden) ([][]float32, error) {
	var vectors [][]float32
	for _, g := range chunks {
		v := make([]float32, c.Model().Dim)
		if err := c.Encode(ctx, g.Batch(), v); err != nil {
			return nil, err
		}
		vectors = append(vectors, v)
	}
	return vectors, nil
}

// compare finds the smallest cosine of vectors to those of the golden chunks. err is why
// there are none.
func (w wanted) compare(vectors [][]float32, chunks []Golden, err error) Finding {
	f := Finding{Check: w.check, Least: new(w.least)}
	least, at := 1.0, 0
	for i, v := range vectors {
		want := w.vector(chunks[i])
		if len(want) != len(v) {
			err = fmt.Errorf("golden chunk %d has %d dimensions, the model %d", i, len(want), len(v))
			break
		}
		if cosine := cosineOf(v, want); !(cosine >= least) {
			least, at = cosine, i
		}
		if math.IsNaN(least) {
			break
		}
	}
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Figure, f.Pass = &least, least >= w.least
	f.Detail = fmt.Sprintf("cosine to the %s of %d golden chunks, the worst is number %d", w.against, len(chunks), at)
	return f
}

// CosineToFP32 is the smallest cosine of an encoder's vectors of golden chunks to those
// of the encoder in float32; files are the encoder's.
func CosineToFP32(ctx context.Context, c Computer, files []Artefact) (float64, error) {
	set, err := goldensIn(files)
	if err != nil {
		return 0, err
	}
	vectors, err := vectorsOf(ctx, c, set.chunks)
	f := set.wantsFP32(CheckGolden).compare(vectors, set.chunks, err)
	if f.Figure == nil {
		return 0, errors.New(f.Detail)
	}
	return *f.Figure, nil
}
