// Package models carries the encoders in the binary, each as the files
//
//	<id>.int8.onnx       signal tower for CPUs, the form that embeds by default
//	<id>.fp32.onnx       the same in float32, as trained
//	<id>.fp16.onnx       float16 weights, for GPUs
//	<id>.s8s8.onnx       symmetric INT8, for TensorRT
//	<id>.reference.onnx  reference tower: bases into the same space
//	<id>.golden.json     chunks and the vectors that they must give
//
// The first and the last are there for every encoder.
package models

import "embed"

// Files holds them.
//
//go:embed *.onnx *.golden.json
var Files embed.FS
