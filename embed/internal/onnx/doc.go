// Package onnx reads as much of an ONNX file as porevec needs: its metadata, its
// inputs and outputs, and a flat graph of nodes and constants. It runs nothing.
//
// The parsed model points into the file's bytes, which therefore must not change.
package onnx

// Model is an ONNX file.
type Model struct {
	// Opset is the version of the default operator set.
	Opset    int64
	Metadata map[string]string
	Graph    Graph
}

// Graph is a list of nodes in an order in which they can be computed.
type Graph struct {
	Nodes     []Node
	Constants map[string]Tensor // initializers by name
	Inputs    []Value
	Outputs   []Value
}

// Node applies an operator to named values. An empty input name is an omitted
// optional input.
type Node struct {
	Op         string
	Name       string
	Inputs     []string
	Outputs    []string
	Attributes map[string]Attribute
}

// Attribute holds the value of a node's attribute in the field of its kind. The
// kinds that no model of ours uses (texts, tensors, graphs) are not kept.
type Attribute struct {
	Int   int64
	Ints  []int64
	Float float32
}

// Value describes an input or output of the graph.
type Value struct {
	Name string
	Type Type
	// Dims holds -1 for a dimension without a fixed size; nil when the file says
	// nothing of the shape.
	Dims []int64
}
