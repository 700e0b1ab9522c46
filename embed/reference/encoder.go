// Package reference is a slow encoder that interprets a model's graph node by
// node, with one plain loop per operator. It says what a model means, needs no
// runtime, and is what the tests hold the fast encoders against.
//
// Sums are taken in float64 and rounded once, so that it is more exact than any
// fast kernel. Quantization rounds halves to even and saturates, as ONNX says.
package reference

import (
	"context"
	"fmt"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/internal/onnx"
	"github.com/porevec/porevec/signal"
)

// Encoder is an [embed.Encoder].
type Encoder struct {
	model     embed.Model
	graph     onnx.Graph
	constants map[string]tensor
}

// New prepares a model; an operator that it does not know is an error.
func New(model embed.Model) (*Encoder, error) {
	parsed, err := onnx.Parse(model.File)
	if err != nil {
		return nil, fatal("open model "+model.ID, err)
	}
	e := &Encoder{model: model, graph: parsed.Graph, constants: make(map[string]tensor)}
	for name, c := range parsed.Graph.Constants {
		if e.constants[name], err = constant(c); err != nil {
			return nil, fatal("open model "+model.ID, err)
		}
	}
	for _, n := range parsed.Graph.Nodes {
		if operators[n.Op] == nil || len(n.Outputs) != 1 {
			return nil, fatal("open model "+model.ID, fmt.Errorf("node %q: operator %s with %d outputs is not known here", n.Name, n.Op, len(n.Outputs)))
		}
	}
	return e, nil
}

// Model is the model that is interpreted.
func (e *Encoder) Model() embed.Model { return e.model }

// Close does nothing.
func (e *Encoder) Close() error { return nil }

// Encode implements [embed.Encoder]; it takes some tens of milliseconds
// per chunk.
func (e *Encoder) Encode(ctx context.Context, in *signal.Batch, out []float32) error {
	if err := e.model.CheckBatch(in, out); err != nil {
		return fatal("encode", err)
	}
	for i := range in.Len() {
		if err := ctx.Err(); err != nil {
			return &signal.Error{Class: signal.Cancelled, Op: "encode", Err: err}
		}
		samples := in.Samples[i*in.Window : (i+1)*in.Window]
		vector, err := e.run(samples, in.Shift[i], in.Scale[i])
		if err != nil {
			return fatal("encode", err)
		}
		if len(vector) != e.model.Dim {
			return fatal("encode", fmt.Errorf("a vector of %d dimensions from a model of %d", len(vector), e.model.Dim))
		}
		copy(out[i*e.model.Dim:], vector)
	}
	return nil
}

// run computes the graph for one chunk.
func (e *Encoder) run(samples []int16, shift, scale float32) ([]float32, error) {
	adc := newInts(onnx.Int16, 1, 1, 1, len(samples))
	for i, s := range samples {
		adc.ints[i] = int64(s)
	}
	values := map[string]tensor{
		"signal": adc,
		"shift":  {dtype: onnx.Float32, shape: []int{1, 1, 1, 1}, floats: []float32{shift}},
		"scale":  {dtype: onnx.Float32, shape: []int{1, 1, 1, 1}, floats: []float32{scale}},
	}
	for _, n := range e.graph.Nodes {
		inputs := make([]tensor, len(n.Inputs))
		for i, name := range n.Inputs {
			value, ok := values[name]
			if !ok {
				value, ok = e.constants[name]
			}
			if !ok {
				return nil, fmt.Errorf("node %q: no value %q", n.Name, name)
			}
			inputs[i] = value
		}
		result, err := operators[n.Op](n, inputs)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		values[n.Outputs[0]] = result
	}
	return values["embedding"].floats, nil
}

func fatal(op string, err error) error {
	return &signal.Error{Class: signal.Fatal, Op: op, Err: err}
}
