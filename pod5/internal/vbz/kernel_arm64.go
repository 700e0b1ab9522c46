package vbz

// vectors is the kernel for this CPU. Every arm64 has NEON.
var vectors kernel = unpackNEON

// unpackNEON takes one group at a time and needs 16 bytes of data for it.
//
//go:noescape
func unpackNEON(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)
