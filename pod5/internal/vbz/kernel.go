//go:build amd64 || arm64

package vbz

import "math/bits"

// shuffles moves the data bytes of a group of eight samples to the places that
// they have in eight 16-bit words. Its row is the key byte of the group; a word of
// one byte gets its high byte from nowhere, which makes it 0.
//
//lint:ignore U1000 the kernels read it
var shuffles = func() (table [256][16]uint8) {
	const nowhere = 0xff
	for key := range table {
		from := uint8(0)
		for i := range 8 {
			low, high := from, uint8(nowhere)
			from++
			if key>>i&1 == 1 {
				high = from
				from++
			}
			table[key][2*i], table[key][2*i+1] = low, high
		}
	}
	return table
}()

// lengths are the data bytes of a group, by its key byte.
//
//lint:ignore U1000 the kernels read it
var lengths = func() (table [256]uint8) {
	for key := range table {
		table[key] = uint8(8 + bits.OnesCount8(uint8(key)))
	}
	return table
}()

// callGroups bounds a call into assembly, which cannot be preempted, to some tens
// of microseconds.
const callGroups = 1 << 14

// kernel unpacks groups of eight samples, at most as many as there are keys for,
// and stops where its loads would reach beyond data. carry is the sample before.
// It gives the groups done, the bytes of data that they took, and the last sample.
type kernel func(dst []int16, keys, data []byte, carry uint16) (groups, used int, last uint16)

// unpackVectors unpacks what the kernel of this CPU can: all but the last few
// samples, or nothing.
func unpackVectors(dst []int16, keys, data []byte) (groups, used int, last uint16) {
	if vectors == nil {
		return 0, 0, 0
	}
	for whole := len(dst) / 8; groups < whole; {
		n := min(whole-groups, callGroups)
		g, u, l := vectors(dst[8*groups:], keys[groups:groups+n], data[used:], last)
		if g == 0 {
			break
		}
		groups, used, last = groups+g, used+u, l
	}
	return groups, used, last
}
