// Package models carries the encoders in the binary: the INT8 signal towers,
// and for each <id>.golden.json with chunks and the vectors that they must give.
// The FP32 signal towers and the reference towers lie beside them in the source.
package models

import "embed"

// Files holds <id>.int8.onnx and <id>.golden.json.
//
//go:embed *.int8.onnx *.golden.json
var Files embed.FS
