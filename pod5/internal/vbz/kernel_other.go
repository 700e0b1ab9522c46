//go:build !amd64 && !arm64

package vbz

// unpackVectors does nothing: this CPU has no kernel.
func unpackVectors([]int16, []byte, []byte) (groups, used int, last uint16) { return 0, 0, 0 }
