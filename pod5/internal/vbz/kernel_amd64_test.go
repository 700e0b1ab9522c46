package vbz

import "golang.org/x/sys/cpu"

// kernels are those that this CPU can run.
func kernels() map[string]kernel {
	list := map[string]kernel{}
	if cpu.X86.HasSSSE3 {
		list["ssse3"] = unpackSSSE3
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT {
		list["avx2"] = unpackAVX2
	}
	return list
}
