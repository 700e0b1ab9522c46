package vbz

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// unpack turns keys and data into samples.
func unpack(dst []int16, stream []byte) error {
	n := len(dst)
	keyLen := (n + 7) / 8
	if len(stream) < keyLen {
		return fmt.Errorf("%w: %d bytes cannot hold the keys of %d samples", ErrCorrupt, len(stream), n)
	}
	keys, data := stream[:keyLen], stream[keyLen:]
	if n%8 != 0 && keys[keyLen-1]>>(n%8) != 0 {
		return fmt.Errorf("%w: keys for more than %d samples", ErrCorrupt, n)
	}
	if want := n + ones(keys); want != len(data) {
		return fmt.Errorf("%w: %d bytes of data where %d samples take %d", ErrCorrupt, len(data), n, want)
	}
	groups, used, last := unpackVectors(dst, keys, data)
	unpackPortable(dst[8*groups:], keys[groups:], data[used:], last)
	return nil
}

// ones counts the set bits.
func ones(keys []byte) int {
	count := 0
	for len(keys) >= 8 {
		count += bits.OnesCount64(binary.LittleEndian.Uint64(keys))
		keys = keys[8:]
	}
	for _, k := range keys {
		count += bits.OnesCount8(k)
	}
	return count
}

// unpackPortable continues behind a sample of value last, on any CPU. data must
// have exactly the length that keys call for.
func unpackPortable(dst []int16, keys, data []byte, last uint16) {
	for len(dst) >= 8 {
		key := keys[0]
		keys = keys[1:]
		out := dst[:8:8]
		dst = dst[8:]
		if key == 0 { // nine of ten groups of measured current: eight small steps
			in := data[:8:8]
			data = data[8:]
			last += unzigzag(uint16(in[0]))
			out[0] = int16(last)
			last += unzigzag(uint16(in[1]))
			out[1] = int16(last)
			last += unzigzag(uint16(in[2]))
			out[2] = int16(last)
			last += unzigzag(uint16(in[3]))
			out[3] = int16(last)
			last += unzigzag(uint16(in[4]))
			out[4] = int16(last)
			last += unzigzag(uint16(in[5]))
			out[5] = int16(last)
			last += unzigzag(uint16(in[6]))
			out[6] = int16(last)
			last += unzigzag(uint16(in[7]))
			out[7] = int16(last)
			continue
		}
		data, last = unpackGroup(out, key, data, last)
	}
	if len(dst) > 0 {
		unpackGroup(dst, keys[0], data, last)
	}
}

// unpackGroup unpacks the values of one key byte.
func unpackGroup(out []int16, key byte, data []byte, last uint16) ([]byte, uint16) {
	for i := range out {
		v := uint16(data[0])
		if key&1 != 0 {
			v |= uint16(data[1]) << 8
			data = data[1:]
		}
		data = data[1:]
		key >>= 1
		last += unzigzag(v)
		out[i] = int16(last)
	}
	return data, last
}

// unzigzag undoes zigzag: 0, 1, 2, 3 … become 0, −1, 1, −2 …, mod 2^16.
func unzigzag(v uint16) uint16 { return v>>1 ^ -(v & 1) }
