package vbz

import "golang.org/x/sys/cpu"

// vectors is the kernel for this CPU; nil when it has none of the instructions.
var vectors = func() kernel {
	switch {
	case cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT:
		return unpackAVX2
	case cpu.X86.HasSSSE3:
		return unpackSSSE3
	default:
		return nil
	}
}()

// unpackAVX2 takes two groups at a time and needs 32 bytes of data for them.
//
//go:noescape
func unpackAVX2(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)

// unpackSSSE3 takes one group at a time and needs 16 bytes of data for it.
//
//go:noescape
func unpackSSSE3(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)
