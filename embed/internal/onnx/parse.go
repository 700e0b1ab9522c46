package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// What Parse takes at most. Ours have less than 1 MB and 100 nodes and constants.
const (
	MaxBytes = 64 << 20
	// maxParts bounds nodes, constants, inputs and outputs together: one of two
	// bytes in the file takes a hundred in memory.
	maxParts = 1 << 16
)

// Parse reads an ONNX file. It never panics, and what it allocates is bounded by
// the limits above and the file's size. The numbers in it are the field numbers
// of onnx.proto.
func Parse(file []byte) (*Model, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("not read as ONNX: %d bytes, at most %d are taken", len(file), MaxBytes)
	}
	m := &Model{Metadata: make(map[string]string)}
	hasGraph := false
	err := fields(file, func(f field) error {
		switch f.number {
		case 7:
			hasGraph = true
			return m.Graph.parse(f.bytes)
		case 8:
			return m.parseOpset(f.bytes)
		case 14:
			return m.parseMetadata(f.bytes)
		}
		return nil
	})
	if err == nil && !hasGraph {
		err = errors.New("it has no graph")
	}
	if err != nil {
		return nil, fmt.Errorf("not an ONNX file: %w", err)
	}
	return m, nil
}

func (m *Model) parseOpset(b []byte) error {
	var domain string
	var version int64
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			domain = string(f.bytes)
		case 2:
			version = int64(f.varint)
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		m.Opset = version
	}
	return err
}

func (m *Model) parseMetadata(b []byte) error {
	var key, value string
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
		return nil
	})
	m.Metadata[key] = value
	return err
}

func (g *Graph) parse(b []byte) error {
	g.Constants = make(map[string]Tensor)
	parts := 0
	return fields(b, func(f field) error {
		if parts++; parts > maxParts {
			return fmt.Errorf("a graph of more than %d parts", maxParts)
		}
		switch f.number {
		case 1:
			n, err := parseNode(f.bytes)
			g.Nodes = append(g.Nodes, n)
			return err
		case 5:
			t, err := parseTensor(f.bytes)
			g.Constants[t.Name] = t
			return err
		case 11:
			v, err := parseValue(f.bytes)
			g.Inputs = append(g.Inputs, v)
			return err
		case 12:
			v, err := parseValue(f.bytes)
			g.Outputs = append(g.Outputs, v)
			return err
		}
		return nil
	})
}

func parseNode(b []byte) (Node, error) {
	var n Node
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			n.Inputs = append(n.Inputs, string(f.bytes))
		case 2:
			n.Outputs = append(n.Outputs, string(f.bytes))
		case 3:
			n.Name = string(f.bytes)
		case 4:
			n.Op = string(f.bytes)
		case 5:
			return n.parseAttribute(f.bytes)
		}
		return nil
	})
	return n, err
}

func (n *Node) parseAttribute(b []byte) error {
	var name string
	var a Attribute
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			a.Float = math.Float32frombits(f.fixed32)
		case 3:
			a.Int = int64(f.varint)
		case 8:
			return f.integers(&a.Ints)
		}
		return nil
	})
	if n.Attributes == nil {
		n.Attributes = make(map[string]Attribute)
	}
	n.Attributes[name] = a
	return err
}

func parseTensor(b []byte) (Tensor, error) {
	var t Tensor
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			return f.integers(&t.Dims)
		case 2:
			t.Type = Type(f.varint)
		case 8:
			t.Name = string(f.bytes)
		case 9:
			t.Raw = f.bytes
		}
		return nil
	})
	return t, err
}

// parseValue descends ValueInfo → TypeProto → tensor_type → shape → dim.
func parseValue(b []byte) (Value, error) {
	var v Value
	dim := func(f field) error {
		if f.number != 1 {
			return nil
		}
		size := int64(-1)
		err := fields(f.bytes, func(f field) error {
			if f.number == 1 {
				size = int64(f.varint)
			}
			return nil
		})
		v.Dims = append(v.Dims, size)
		return err
	}
	tensor := func(f field) error {
		switch f.number {
		case 1:
			v.Type = Type(f.varint)
		case 2:
			return fields(f.bytes, dim)
		}
		return nil
	}
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.Name = string(f.bytes)
		case 2:
			return fields(f.bytes, func(f field) error {
				if f.number == 1 {
					return fields(f.bytes, tensor)
				}
				return nil
			})
		}
		return nil
	})
	return v, err
}

// field is one field of a protobuf message; its value is in the member of its
// wire type.
type field struct {
	number  protowire.Number
	varint  uint64
	fixed32 uint32
	bytes   []byte
}

// fields calls f for every field of a message, in order.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		v := field{number: number}
		switch wire {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			v.fixed32, n = protowire.ConsumeFixed32(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, wire, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// integers appends a repeated int64 field, packed or not.
func (f field) integers(to *[]int64) error {
	if f.bytes == nil {
		*to = append(*to, int64(f.varint))
		return nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		*to = append(*to, int64(v))
		b = b[n:]
	}
	return nil
}
