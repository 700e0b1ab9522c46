package embed

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/porevec/porevec/embed/models"
	"github.com/porevec/porevec/signal"
)

// Golden is a chunk and the vectors that the model with an id must give for it.
type Golden struct {
	Samples      []int16 // ADC counts
	Shift, Scale float32 // ADC counts
	// Want is the vector of the INT8 model, WantFP32 that of its float32 form, both
	// as ONNX Runtime gave them where the model was made.
	Want, WantFP32 []float32
}

// Goldens reads the built-in golden chunks of a model id; none is no error.
func Goldens(id string) ([]Golden, error) {
	file, err := models.Files.ReadFile(id + ".golden.json")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) { // a user's model may have any id
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("golden chunks of %s: %w", id, err)
	}
	set, err := parseGoldens(file)
	if err == nil && set.id != id {
		err = fmt.Errorf("the file is of %q", set.id)
	}
	if err != nil {
		return nil, fmt.Errorf("golden chunks of %s: %w", id, err)
	}
	return set.chunks, nil
}

// goldenSet is a file of golden chunks.
type goldenSet struct {
	id     string
	chunks []Golden
	// minCosine is what a vector must reach with its golden one.
	minCosine float64
}

func parseGoldens(file []byte) (goldenSet, error) {
	var parsed struct {
		ID        string   `json:"model.id"`
		MinCosine *float64 `json:"min_cosine"`
		Cases     []struct {
			Samples      int    `json:"samples"`
			Signal       []byte `json:"signal_int16_le_base64"`
			Shift, Scale float32
			Want         []float32 `json:"embedding"`
			WantFP32     []float32 `json:"embedding_fp32"`
		}
	}
	if err := json.Unmarshal(file, &parsed); err != nil {
		return goldenSet{}, err
	}
	set := goldenSet{id: parsed.ID, minCosine: MinGoldenCosine}
	if c := parsed.MinCosine; c != nil {
		if !(*c > 0 && *c <= 1) {
			return goldenSet{}, fmt.Errorf("min_cosine %v is no tolerance", *c)
		}
		set.minCosine = *c
	}
	if len(parsed.Cases) == 0 {
		return goldenSet{}, errors.New("no cases")
	}
	for i, c := range parsed.Cases {
		if len(c.Signal) != 2*c.Samples {
			return goldenSet{}, fmt.Errorf("case %d has %d bytes for %d samples", i, len(c.Signal), c.Samples)
		}
		g := Golden{Samples: make([]int16, c.Samples), Shift: c.Shift, Scale: c.Scale, Want: c.Want, WantFP32: c.WantFP32}
		for j := range g.Samples {
			g.Samples[j] = int16(binary.LittleEndian.Uint16(c.Signal[2*j:]))
		}
		set.chunks = append(set.chunks, g)
	}
	return set, nil
}

// Batch is the golden chunk as the input of an encoder.
func (g *Golden) Batch() *signal.Batch {
	b := signal.NewBatch(1, len(g.Samples))
	b.Chunks = append(b.Chunks, signal.Chunk{Samples: uint32(len(g.Samples))})
	b.Samples = append(b.Samples, g.Samples...)
	b.Shift, b.Scale = append(b.Shift, g.Shift), append(b.Scale, g.Scale)
	return b
}
