package embed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// Model is a signal tower and what its file says of it.
type Model struct {
	ID      string // e.g. dna_r10.4.1_e8.2_400bps_5khz@v1
	Version int
	// Digest is the SHA-256 of File in hex. Vectors are comparable when their
	// models' digests are equal.
	Digest string
	// WeightsSHA256 (hex) names the trained weights, whatever the file's type.
	WeightsSHA256 string

	Dim           int
	Nested        []int // prefixes of a vector that are embeddings, ascending up to Dim
	Windows       []int // allowed chunk lengths in samples, ascending
	DefaultWindow int   // samples
	MinSamples    int   // shortest chunk
	LeaderSamples int   // at a read's start: leader and adapter, not to be embedded

	SampleRateHz int
	Chemistry    string // e.g. dna_r10.4.1_e8.2_400bps
	// SamplesPerBase is the nominal dwell that relates windows of signal and of
	// a reference sequence.
	SamplesPerBase float64

	NormMethod string // pa or medmad, see package normalize
	NormMeanPA float64
	NormSDPA   float64
	NormClip   float64 // normalized samples are clipped to ±NormClip

	QuantScheme      string // none in a float32 model
	QuantCalibration string
	Teacher          string // none, or the model that this one was distilled from
	FLOPsPerSample   float64
	Parameters       int
	// Retention says how well the model keeps to its float32 form, e.g. cos_mean.
	Retention map[string]float64
	Trained   string
	Licence   string

	File []byte // the ONNX file; not to be changed
}

// MaxSamples is the longest chunk that the model takes.
func (m *Model) MaxSamples() int { return m.Windows[len(m.Windows)-1] }

// Quantized says whether the model computes in integers.
func (m *Model) Quantized() bool { return m.QuantScheme != "none" }

// Parse reads a model file. It needs no runtime: metadata and graph are checked
// against the contract in the package's comment.
func Parse(file []byte) (Model, error) { return parse(file, "signal", signalInputs) }

// parse reads the file of a kind of encoder, which has these inputs.
func parse(file []byte, what string, inputs []onnx.Value) (Model, error) {
	parsed, err := onnx.Parse(file)
	if err != nil {
		return Model{}, err
	}
	m, err := parseMetadata(parsed.Metadata)
	if err != nil {
		return Model{}, err
	}
	if err := checkGraph(&parsed.Graph, what, inputs, m.Dim); err != nil {
		return Model{}, err
	}
	sum := sha256.Sum256(file)
	m.Digest, m.File = hex.EncodeToString(sum[:]), file
	return m, nil
}

// parseMetadata reads metadata_props. All that is wrong comes in one error.
func parseMetadata(props map[string]string) (Model, error) {
	p := properties{values: props}
	m := Model{
		ID:               p.text("model.id"),
		Version:          p.count("model.version", 0),
		WeightsSHA256:    p.text("weights.sha256"),
		Dim:              p.count("embedding.dim", 1),
		Nested:           p.counts("embedding.nested"),
		Windows:          p.counts("input.windows"),
		DefaultWindow:    p.count("input.default_window", 1),
		MinSamples:       p.count("input.min_samples", 1),
		LeaderSamples:    p.count("leader.samples", 0),
		SampleRateHz:     p.count("sample_rate_hz", 1),
		Chemistry:        p.text("chemistry"),
		SamplesPerBase:   p.positive("reference.samples_per_base"),
		NormMethod:       p.text("norm.method"),
		NormClip:         p.positive("norm.clip"),
		QuantScheme:      p.text("quant.scheme"),
		QuantCalibration: p.text("quant.calibration"),
		Teacher:          p.text("teacher"),
		FLOPsPerSample:   p.positive("flops_per_sample"),
		Parameters:       p.count("parameters", 1),
		Trained:          p.text("trained"),
		Licence:          p.text("licence"),
		Retention:        p.retention(),
	}
	switch m.NormMethod {
	case "pa":
		m.NormMeanPA, m.NormSDPA = p.number("norm.mean_pa"), p.positive("norm.sd_pa")
	case "medmad":
	default:
		p.fail("norm.method", "neither pa nor medmad")
	}
	if len(p.problems) == 0 {
		p.checkSizes(&m)
	}
	if len(p.problems) > 0 {
		return Model{}, fmt.Errorf("not a porevec encoder, its metadata are incomplete or wrong:\n%w", errors.Join(p.problems...))
	}
	return m, nil
}

// signalInputs are those of a signal tower.
var signalInputs = []onnx.Value{
	{Name: "signal", Type: onnx.Int16, Dims: []int64{-1, 1, 1, -1}},
	{Name: "shift", Type: onnx.Float32, Dims: []int64{-1, 1, 1, 1}},
	{Name: "scale", Type: onnx.Float32, Dims: []int64{-1, 1, 1, 1}},
}

// checkGraph compares a graph's inputs and output with the contract; what names
// the kind of encoder.
func checkGraph(g *onnx.Graph, what string, inputs []onnx.Value, dim int) error {
	same := func(a, b onnx.Value) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Dims, b.Dims)
	}
	if !slices.EqualFunc(g.Inputs, inputs, same) {
		return fmt.Errorf("not a %s encoder: its inputs are %v, not %v", what, describe(g.Inputs), describe(inputs))
	}
	want := []onnx.Value{{Name: "embedding", Type: onnx.Float32, Dims: []int64{-1, int64(dim)}}}
	if !slices.EqualFunc(g.Outputs, want, same) {
		return fmt.Errorf("not a %s encoder: its outputs are %v, not %v", what, describe(g.Outputs), describe(want))
	}
	return nil
}

func describe(values []onnx.Value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprintf("%s %v%v", v.Name, v.Type, v.Dims)
	}
	return strings.Join(texts, ", ")
}

// properties reads metadata_props and collects what is wrong with them.
type properties struct {
	values   map[string]string
	problems []error
}

func (p *properties) fail(key, what string) {
	p.problems = append(p.problems, fmt.Errorf("%s %q: %s", key, p.values[key], what))
}

func (p *properties) text(key string) string {
	if p.values[key] == "" {
		p.fail(key, "missing")
	}
	return p.values[key]
}

// maxCount bounds every integer of the metadata: sizes derived from them fit.
const maxCount = 1 << 30

func (p *properties) count(key string, least int) int {
	n, err := strconv.Atoi(p.values[key])
	if err != nil || n < least || n > maxCount {
		p.fail(key, fmt.Sprintf("not an integer of at least %d", least))
	}
	return n
}

// counts reads ascending positive integers, separated by commas.
func (p *properties) counts(key string) []int {
	var list []int
	for _, part := range strings.Split(p.values[key], ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > maxCount || len(list) > 0 && n <= list[len(list)-1] {
			p.fail(key, "not a list of ascending integers such as 32,64,128")
			return nil
		}
		list = append(list, n)
	}
	return list
}

func (p *properties) number(key string) float64 {
	x, err := strconv.ParseFloat(p.values[key], 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		p.fail(key, "not a number")
	}
	return x
}

func (p *properties) positive(key string) float64 {
	x, err := strconv.ParseFloat(p.values[key], 64)
	if err != nil || !(x > 0) || math.IsInf(x, 0) {
		p.fail(key, "not a number above 0")
	}
	return x
}

func (p *properties) retention() map[string]float64 {
	figures := make(map[string]float64)
	for key := range p.values {
		if name, ok := strings.CutPrefix(key, "retention."); ok {
			figures[name] = p.number(key)
		}
	}
	return figures
}

// checkSizes finds contradictions between sizes that are each well formed.
func (p *properties) checkSizes(m *Model) {
	if m.Nested[len(m.Nested)-1] != m.Dim {
		p.fail("embedding.nested", "must end with embedding.dim")
	}
	if !slices.Contains(m.Windows, m.DefaultWindow) {
		p.fail("input.default_window", "is none of input.windows")
	}
	if m.MinSamples > m.Windows[0] {
		p.fail("input.min_samples", "is more than the smallest of input.windows")
	}
}
