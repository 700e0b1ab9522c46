package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// modelPath finds one of the shipped encoders.
func modelPath(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("../../models/*.int8.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no encoders: %v", err)
	}
	return paths[0]
}

func TestParseModel(t *testing.T) {
	file, err := os.ReadFile(modelPath(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []Value{
		{Name: "signal", Type: Int16, Dims: []int64{-1, 1, 1, -1}},
		{Name: "shift", Type: Float32, Dims: []int64{-1, 1, 1, 1}},
		{Name: "scale", Type: Float32, Dims: []int64{-1, 1, 1, 1}},
	}
	if d := cmp.Diff(want, m.Graph.Inputs); d != "" {
		t.Errorf("inputs (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Value{{Name: "embedding", Type: Float32, Dims: []int64{-1, 128}}}, m.Graph.Outputs); d != "" {
		t.Errorf("outputs (-want +got):\n%s", d)
	}
	if m.Opset != 18 || m.Metadata["embedding.dim"] != "128" {
		t.Errorf("opset %d, embedding.dim %q", m.Opset, m.Metadata["embedding.dim"])
	}
	for name, c := range m.Graph.Constants {
		if _, err := c.Len(); err != nil {
			t.Error(name, err)
		}
	}
	for _, n := range m.Graph.Nodes {
		if n.Op == "Conv" && n.Name == "conv0" {
			kernel := m.Graph.Constants["conv0_weight_q"].Dims[3]
			if d := cmp.Diff([]int64{0, kernel / 2, 0, kernel / 2}, n.Attributes["pads"].Ints); d != "" {
				t.Errorf("pads of conv0 (-want +got):\n%s", d)
			}
			return
		}
	}
	t.Error("there is no node conv0")
}

func TestTensorElements(t *testing.T) {
	int8s := Tensor{Name: "w", Type: Int8, Dims: []int64{2, 2}, Raw: []byte{1, 0xff, 0x80, 0x7f}}
	got, err := int8s.Ints()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int64{1, -1, -128, 127}, got); d != "" {
		t.Error(d)
	}
	if _, err := int8s.Floats(); err == nil {
		t.Error("int8 elements passed as float32")
	}
	for _, bad := range []Tensor{
		{Type: Float32, Dims: []int64{2}, Raw: make([]byte, 7)},
		{Type: Float32, Dims: []int64{3}, Raw: make([]byte, 8)},
		{Type: Float32, Dims: []int64{-2}, Raw: make([]byte, 8)},
		{Type: Int8, Dims: []int64{1 << 62, 4}, Raw: nil},
		{Type: 11, Dims: []int64{1}, Raw: make([]byte, 8)},
	} {
		if _, err := bad.Len(); err == nil {
			t.Errorf("%v of shape %v over %d bytes passed", bad.Type, bad.Dims, len(bad.Raw))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty":     nil,
		"text":      []byte("this is not a model"),
		"no graph":  protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 8),
		"cut graph": protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), 1<<40),
	} {
		if _, err := Parse(file); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("../../models/*.onnx")
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		// The head holds nodes, the tail metadata and inputs; constants between
		// them are only weight for the fuzzer.
		f.Add(file[:4096])
		f.Add(file[len(file)-2048:])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := Parse(file)
		if err != nil {
			return
		}
		for _, c := range m.Graph.Constants {
			if n, err := c.Len(); err == nil && n > len(file) {
				t.Errorf("%d elements in a file of %d bytes", n, len(file))
			}
			if _, err := c.Ints(); err == nil && c.Type == Float32 {
				t.Error("float32 elements passed as integers")
			}
		}
	})
}
