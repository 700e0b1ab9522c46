package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/porevec/porevec/embed/internal/onnx"
)

// Limits of [Check].
const (
	// MinGoldenCosine: ONNX Runtime's integer kernels give the same bits on every
	// CPU, its float32 ones (head and pooling) differ in the last digits, and a
	// rounding that this tips over moves a quantized value by one step. All of this
	// stays above 0.99999; a kernel that saturates or mixes up channels falls far
	// below. A golden file may name another limit (min_cosine).
	MinGoldenCosine = 0.9999
	// MaxWeightPair: AVX2 without VNNI adds two products of a uint8 activation
	// and an int8 weight in 16 bits, 255·128 = 32640 ≤ 32767.
	MaxWeightPair = 128
	// MinINT8Cosine is what INT8 vectors must reach with the float32 ones on each
	// golden chunk.
	MinINT8Cosine = 0.99
)

// The checks of [Check], in its order.
const (
	// CheckMetadata counts what is missing or contradicts the graph, the name or the
	// encoder's other files.
	CheckMetadata = "metadata"
	// CheckSaturation is the largest sum of two absolute int8 weights of one output
	// channel, where activations are uint8; 0 without such weights.
	CheckSaturation = "saturation"
	// CheckGolden is the smallest cosine to the golden vectors.
	CheckGolden = "golden"
	// CheckINT8 is the smallest cosine of INT8 vectors to the float32 golden ones.
	CheckINT8 = "int8_fp32"
	// CheckGoldenFP32 is CheckGolden for the float32 file beside an INT8 one.
	CheckGoldenFP32 = "golden_fp32"
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"`
	Pass  bool   `json:"pass"`
	// Figure was measured; nil where nothing could be. It passes up to Most or from
	// Least on, whichever the check has.
	Figure *float64 `json:"figure"`
	Most   *float64 `json:"most,omitempty"`
	Least  *float64 `json:"least,omitempty"`
	// Detail says what was looked at, or what is wrong.
	Detail string `json:"detail"`
}

// String names the check, its figure and its limit.
func (f Finding) String() string {
	text := f.Check + ": "
	if f.Figure != nil {
		text += strconv.FormatFloat(*f.Figure, 'g', 7, 64)
		switch {
		case f.Most != nil:
			text += fmt.Sprintf(" (at most %v)", *f.Most)
		case f.Least != nil:
			text += fmt.Sprintf(" (at least %v)", *f.Least)
		}
		text += ", "
	}
	return text + f.Detail
}

// Report is what [Check] found.
type Report struct {
	Model  string    `json:"model"`
	Pass   bool      `json:"pass"`
	Checks []Finding `json:"checks"`
}

// Err names the model and all checks that fail, or is nil.
func (r Report) Err() error {
	var failed []error
	for _, f := range r.Checks {
		if !f.Pass {
			failed = append(failed, fmt.Errorf("%s: %v", r.Model, f))
		}
	}
	return errors.Join(failed...)
}

// CheckBuiltIn checks a built-in encoder with all of its files.
func CheckBuiltIn(ctx context.Context, id string, open func(Model) (Encoder, error)) Report {
	return Check(ctx, id+"."+KindINT8+".onnx", Artefacts(id), open)
}

// Check verifies on this computer that an encoder gives what it was released with.
// name is that of the file to check among the encoder's files, whose golden
// chunks it is compared with.
func Check(ctx context.Context, name string, files []Artefact, open func(Model) (Encoder, error)) Report {
	base, _ := splitName(name)
	c := checker{ctx: ctx, open: open, report: Report{Model: base, Pass: true}}
	byKind := make(map[string]Artefact)
	var file []byte
	for _, a := range files {
		byKind[a.Kind] = a
		if a.Name == name {
			file = a.Content
		}
	}
	model, problems := Model{}, []string{}
	parsed, err := Parse(file)
	if err == nil {
		model, c.report.Model = parsed, parsed.ID
	} else {
		problems = append(problems, strings.Split(err.Error(), "\n")...)
		if len(problems) > 1 {
			problems = problems[1:] // after the headline
		}
	}
	problems = append(problems, inconsistencies(name, file, files)...)
	c.metadata(problems, len(files))
	c.saturation(file)

	set, err := goldenSet{}, error(nil)
	golden, brought := byKind[KindGolden]
	if !brought {
		if builtIn := Artefacts(model.ID); len(builtIn) > 0 {
			golden, brought = builtIn[len(builtIn)-1], builtIn[len(builtIn)-1].Kind == KindGolden
		}
	}
	if brought {
		if set, err = parseGoldens(golden.Content); err == nil && model.ID != "" && set.id != model.ID {
			err = fmt.Errorf("the golden chunks are of %q", set.id)
		}
	}
	c.golden(model, set, err)
	if fp32, ok := byKind[KindFP32]; ok && fp32.Name != name {
		if tower, failed := Parse(fp32.Content); failed == nil {
			c.goldenFP32(tower, set, err)
		} // else it is among the problems of the metadata
	}
	return c.report
}

// checker gathers findings.
type checker struct {
	ctx    context.Context
	open   func(Model) (Encoder, error)
	report Report
}

func (c *checker) add(f Finding) {
	if f.Figure != nil && math.IsNaN(*f.Figure) {
		f.Figure = nil // JSON has no such number
	}
	c.report.Pass = c.report.Pass && f.Pass
	c.report.Checks = append(c.report.Checks, f)
}

func (c *checker) metadata(problems []string, files int) {
	f := Finding{Check: CheckMetadata, Figure: new(float64(len(problems))), Most: new(0.0), Pass: len(problems) == 0}
	f.Detail = strings.Join(problems, "; ")
	if f.Pass {
		f.Detail = fmt.Sprintf("problems in %d files", files)
	}
	c.add(f)
}

func (c *checker) saturation(file []byte) {
	f := Finding{Check: CheckSaturation, Most: new(float64(MaxWeightPair))}
	pair, err := weightPair(file)
	if err != nil {
		f.Detail = err.Error()
	} else {
		f.Figure, f.Pass = new(float64(pair)), pair <= MaxWeightPair
		f.Detail = "the largest sum of two int8 weights of a channel"
		if !f.Pass {
			f.Detail += "; sums saturate on CPUs without VNNI: quantize to 7 bits"
		}
	}
	c.add(f)
}

func (c *checker) golden(m Model, set goldenSet, err error) {
	switch {
	case err == nil && len(set.chunks) == 0:
		c.add(Finding{Check: CheckGolden, Pass: true, Detail: "no golden chunks come with it: not compared"})
		return
	case m.ID == "":
		err = errors.New("not measured: the file is no encoder")
	}
	var vectors [][]float32
	if err == nil {
		vectors, err = c.encode(m, set.chunks)
	}
	for _, w := range set.wants(m) {
		c.add(w.compare(vectors, set.chunks, err))
	}
}

func (c *checker) goldenFP32(m Model, set goldenSet, err error) {
	if err == nil && len(set.chunks) == 0 {
		return
	}
	var vectors [][]float32
	if err == nil {
		vectors, err = c.encode(m, set.chunks)
	}
	c.add(set.wantsFP32(CheckGoldenFP32).compare(vectors, set.chunks, err))
}

// encode gives the vectors of golden chunks.
func (c *checker) encode(m Model, chunks []Golden) (vectors [][]float32, err error) {
	e, err := c.open(m)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return vectorsOf(c.ctx, e, chunks)
}

// sameInAll are the metadata that all files of an encoder share.
var sameInAll = []string{
	"model.id", "model.version", "signal.weights.sha256", "embedding.dim", "embedding.nested", "input.windows", "input.default_window",
	"input.min_samples", "leader.samples", "sample_rate_hz", "chemistry", "norm.method", "norm.mean_pa", "norm.sd_pa", "norm.clip",
	"reference.samples_per_base", "licence",
}

// inconsistencies finds what contradicts: metadata and graph of each file, names,
// and the files of one encoder.
func inconsistencies(name string, file []byte, files []Artefact) []string {
	first, err := onnx.Parse(file)
	if err != nil {
		return nil // said already
	}
	var problems []string
	for _, a := range files {
		if a.Kind == KindGolden {
			continue
		}
		fail := func(format string, args ...any) {
			problems = append(problems, a.Name+": "+fmt.Sprintf(format, args...))
		}
		parsed, err := onnx.Parse(a.Content)
		if err != nil {
			fail("%v", err)
			continue
		}
		md := parsed.Metadata
		if a.Name != name {
			if a.Kind == KindReference {
				_, err = parseMetadata(md)
			} else {
				_, err = Parse(a.Content)
			}
			if err != nil {
				fail("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
			}
		}
		if base, kind := splitName(a.Name); kind != "" && md["model.id"] != base {
			fail("model.id is %q", md["model.id"])
		}
		for _, key := range sameInAll {
			if md[key] != first.Metadata[key] {
				fail("%s is %q, in %s it is %q", key, md[key], name, first.Metadata[key])
			}
		}
		weights := convolutions(&parsed.Graph)
		if n := strconv.Itoa(weights.parameters); md["parameters"] != n {
			fail("parameters is %q, the graph has %s", md["parameters"], n)
		}
		if scheme := md["quant.scheme"]; scheme == "none" && weights.int8 || strings.HasPrefix(scheme, "qdq") && !weights.int8 {
			fail("quant.scheme is %q, and int8 weights in the graph: %v", scheme, weights.int8)
		}
	}
	return problems
}

// weightsOf is what the convolutions of a graph hold.
type weightsOf struct {
	parameters int  // weights and biases
	int8       bool // some weights are int8
}

func convolutions(g *onnx.Graph) (w weightsOf) {
	// Weights reach a Conv as constants, or through one node that widens them.
	constant := func(name string) onnx.Tensor {
		for _, n := range g.Nodes {
			if (n.Op == "DequantizeLinear" || n.Op == "Cast") && slices.Contains(n.Outputs, name) && len(n.Inputs) > 0 {
				name = n.Inputs[0]
				break
			}
		}
		return g.Constants[name]
	}
	for _, n := range g.Nodes {
		if n.Op != "Conv" || len(n.Inputs) < 2 {
			continue
		}
		for i, name := range n.Inputs[1:] {
			c := constant(name)
			size := 1
			for _, d := range c.Dims {
				size *= int(max(0, min(d, maxCount)))
				size = min(size, maxCount)
			}
			if len(c.Dims) > 0 {
				w.parameters += size
			}
			w.int8 = w.int8 || i == 0 && c.Type == onnx.Int8
		}
	}
	return w
}

// weightPair is the largest |w0| + |w1| over any two weights of one output
// channel in the graph's int8 convolutions of uint8 activations. Which weights a kernel really adds up
// depends on how it packs them; any two is the safe bound.
func weightPair(file []byte) (int, error) {
	parsed, err := onnx.Parse(file)
	if err != nil {
		return 0, err
	}
	// Weights reach a Conv through a DequantizeLinear of a constant.
	constant := make(map[string]onnx.Tensor)
	signed := make(map[string]bool) // activations that are known to be int8
	for _, n := range parsed.Graph.Nodes {
		if n.Op == "DequantizeLinear" && len(n.Inputs) > 0 && len(n.Outputs) > 0 {
			if c, ok := parsed.Graph.Constants[n.Inputs[0]]; ok {
				constant[n.Outputs[0]] = c
			} else if len(n.Inputs) > 2 {
				signed[n.Outputs[0]] = parsed.Graph.Constants[n.Inputs[2]].Type == onnx.Int8
			}
		}
	}
	most := 0
	for _, n := range parsed.Graph.Nodes {
		if n.Op != "Conv" || len(n.Inputs) < 2 || signed[n.Inputs[0]] {
			continue
		}
		c, ok := constant[n.Inputs[1]]
		if !ok || c.Type != onnx.Int8 {
			continue
		}
		weights, err := c.Ints()
		if err != nil {
			return 0, err
		}
		if len(c.Dims) == 0 || len(weights) == 0 {
			return 0, fmt.Errorf("constant %q: no weights of a convolution in shape %v", c.Name, c.Dims)
		}
		for channel := range slices.Chunk(weights, len(weights)/int(c.Dims[0])) {
			first, second := 0, 0
			for _, w := range channel {
				switch w := int(max(w, -w)); {
				case w > first:
					first, second = w, first
				case w > second:
					second = w
				}
			}
			most = max(most, first+second)
		}
	}
	return most, nil
}

func cosineOf(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}
