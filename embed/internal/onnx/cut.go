package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Cut makes a file of the part of a graph that computes outputs from inputs. Any
// values of the graph can be either. The file must be one that Parse reads.
func Cut(file []byte, inputs, outputs []Value) ([]byte, error) {
	m, err := Parse(file)
	if err != nil {
		return nil, err
	}
	wanted, err := m.Graph.needed(inputs, outputs)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = each(file, func(number protowire.Number, whole, content []byte) error {
		if number != 7 {
			out = append(out, whole...)
			return nil
		}
		graph, err := cutGraph(content, wanted, inputs, outputs)
		out = protowire.AppendBytes(protowire.AppendTag(out, 7, protowire.BytesType), graph)
		return err
	})
	return out, err
}

// needed are the names of all values that outputs are computed from, back to the
// inputs.
func (g *Graph) needed(inputs, outputs []Value) (map[string]bool, error) {
	wanted := make(map[string]bool)
	for _, v := range outputs {
		wanted[v.Name] = true
	}
	made := make(map[string]bool)
	for i := len(g.Nodes) - 1; i >= 0; i-- { // a node comes behind those that it needs
		n := &g.Nodes[i]
		for _, name := range n.Outputs {
			if !wanted[name] || isAmong(inputs, name) {
				continue
			}
			made[name] = true
			for _, input := range n.Inputs {
				wanted[input] = true
			}
		}
	}
	for name := range wanted {
		if _, constant := g.Constants[name]; name != "" && !constant && !made[name] && !isAmong(inputs, name) {
			return nil, fmt.Errorf("cut the graph: nothing computes %q", name)
		}
	}
	return wanted, nil
}

func isAmong(values []Value, name string) bool {
	for _, v := range values {
		if v.Name == name {
			return true
		}
	}
	return false
}

// cutGraph keeps the nodes and constants that are wanted.
func cutGraph(graph []byte, wanted map[string]bool, inputs, outputs []Value) ([]byte, error) {
	var out []byte
	err := each(graph, func(number protowire.Number, whole, content []byte) error {
		keep := true
		switch number {
		case 1:
			n, err := parseNode(content)
			if err != nil {
				return err
			}
			keep = false
			for _, name := range n.Outputs {
				keep = keep || wanted[name] && !isAmong(inputs, name)
			}
		case 5:
			t, err := parseTensor(content)
			if err != nil {
				return err
			}
			keep = wanted[t.Name]
		case 11, 12, 13: // inputs, outputs, notes on the values between
			keep = false
		}
		if keep {
			out = append(out, whole...)
		}
		return nil
	})
	for _, v := range inputs {
		out = protowire.AppendBytes(protowire.AppendTag(out, 11, protowire.BytesType), v.encode())
	}
	for _, v := range outputs {
		out = protowire.AppendBytes(protowire.AppendTag(out, 12, protowire.BytesType), v.encode())
	}
	return out, err
}

// encode is the inverse of parseValue. Dimensions of -1 get no size.
func (v Value) encode() []byte {
	message := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	var shape []byte
	for _, size := range v.Dims {
		var dim []byte
		if size >= 0 {
			dim = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(size))
		}
		shape = append(shape, message(1, dim)...)
	}
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v.Type))
	tensor = append(tensor, message(2, shape)...)
	return append(message(1, []byte(v.Name)), message(2, message(1, tensor))...)
}

// each calls f for every field of a message with all of its bytes and its content.
func each(b []byte, f func(number protowire.Number, whole, content []byte) error) error {
	for len(b) > 0 {
		number, wire, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		n := protowire.ConsumeFieldValue(number, wire, b[tag:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		content := b[tag : tag+n]
		if wire == protowire.BytesType {
			content, _ = protowire.ConsumeBytes(content)
		}
		if err := f(number, b[:tag+n], content); err != nil {
			return err
		}
		b = b[tag+n:]
	}
	return nil
}
