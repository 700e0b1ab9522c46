package ort

import (
	"context"
	"errors"
	"time"

	onnx "github.com/yalue/onnxruntime_go"
	"google.golang.org/protobuf/encoding/protowire"
)

// peakSize is the edge of the matrices: they fit into the second cache, and their edges
// cost nothing.
const peakSize = 1024

// PeakINT8 measures how many operations per second (a product and a sum are two) one core
// reaches in the runtime's own product of uint8 and int8 matrices, which is what the
// convolutions of a quantized encoder become: nothing that the runtime computes in these
// integers can be faster. It takes about so long.
func PeakINT8(ctx context.Context, long time.Duration) (perS float64, err error) {
	if err := Init(); err != nil {
		return 0, err
	}
	options, err := sessionOptions()
	if err != nil {
		return 0, err
	}
	defer options.Destroy()
	session, err := onnx.NewDynamicAdvancedSessionWithONNXData(matrixProduct(peakSize), []string{"a"}, []string{"y"}, options)
	if err != nil {
		return 0, fatal("open the matrix product", err)
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	shape := onnx.NewShape(peakSize, peakSize)
	a, err := onnx.NewEmptyTensor[uint8](shape)
	if err != nil {
		return 0, err
	}
	defer a.Destroy()
	for i := range a.GetData() {
		a.GetData()[i] = uint8(i * 7)
	}
	y, err := onnx.NewEmptyTensor[uint8](shape)
	if err != nil {
		return 0, err
	}
	defer y.Destroy()
	rounds, begin := -1, time.Now()
	for ; ctx.Err() == nil && (rounds < 1 || time.Since(begin) < long); rounds++ {
		if rounds == 0 {
			begin = time.Now() // the first one prepares
		}
		if err := session.Run([]onnx.Value{a}, []onnx.Value{y}); err != nil {
			return 0, fatal("multiply matrices", err)
		}
	}
	return float64(rounds) * 2 * peakSize * peakSize * peakSize / time.Since(begin).Seconds(), ctx.Err()
}

// The numbers of onnx.proto.
const (
	typeFloat, typeUint8, typeInt8 = 1, 2, 3
	irVersion, opset               = 8, 13
)

// matrixProduct is an ONNX file: y = a · b for an uint8 matrix and a constant one of int8.
func matrixProduct(n int) []byte {
	weights := make([]byte, n*n)
	for i := range weights {
		weights[i] = byte(i%127 - 63)
	}
	scale := protowire.AppendFixed32(nil, 0x3a83126f) // 0.001
	graph := message(1, message(0,
		text(1, "a"), text(1, "s"), text(1, "za"), text(1, "b"), text(1, "s"), text(1, "zb"), text(1, "s"), text(1, "za"),
		text(2, "y"), text(4, "QLinearMatMul")))
	graph = append(graph, text(2, "product")...)
	for _, t := range []struct {
		name string
		kind uint64
		raw  []byte
		dims []uint64
	}{{"s", typeFloat, scale, nil}, {"za", typeUint8, []byte{0}, nil}, {"zb", typeInt8, []byte{0}, nil}, {"b", typeInt8, weights, []uint64{uint64(n), uint64(n)}}} {
		var tensor []byte
		for _, d := range t.dims {
			tensor = append(tensor, number(1, d)...)
		}
		tensor = append(tensor, message(0, number(2, t.kind), text(8, t.name), text(9, string(t.raw)))...)
		graph = append(graph, message(5, tensor)...)
	}
	for field, name := range map[protowire.Number]string{11: "a", 12: "y"} {
		dim := message(1, number(1, uint64(n)))
		tensor := message(1, message(0, number(1, typeUint8), message(2, message(0, dim, dim))))
		graph = append(graph, message(field, message(0, text(1, name), message(2, tensor)))...)
	}
	return message(0, number(1, irVersion), message(7, graph), message(8, number(2, opset)))
}

// message is a field of parts, or with field 0 just the parts.
func message(field protowire.Number, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if field == 0 {
		return all
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), all)
}

func text(field protowire.Number, s string) []byte { return message(field, []byte(s)) }

func number(field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), v)
}
