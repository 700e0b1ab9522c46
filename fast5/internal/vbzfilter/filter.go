// Package vbzfilter undoes the HDF5 filter 32020, VBZ, as FAST5 files have it. It
// goes by the same name as the packing of POD5, but its layout differs.
//
//	uint32  bytes of the values before packing
//	payload zstd frame of, or (level 0) plainly:
//	  keys  2 bits a value, value i in bits 2·(i%4) of byte i/4: its bytes less one
//	  data  1 to 4 bytes a value, little-endian
//
// Values are differences of neighbours, from 0, in zigzag form: 0, −1, 1, −2 ….
package vbzfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// ID is the filter's number in HDF5.
const ID = 32020

// What can be wrong; found with errors.Is.
var (
	ErrCorrupt     = errors.New("VBZ data are damaged")
	ErrUnsupported = errors.New("VBZ is not supported with these parameters")
)

// Parameters are the filter's: version, size of a value in bytes, whether values
// are zigzag differences, level of zstd (0: none; absent: 1).
type Parameters []uint32

// check refuses what int16 are never packed with.
func (p Parameters) check() error {
	if len(p) < 3 || p[0] > 1 || p[1] != 2 && p[1] != 4 || p[2] > 1 {
		return fmt.Errorf("%w: %d", ErrUnsupported, []uint32(p))
	}
	return nil
}

// decoder is the memory that decoding takes.
type decoder struct {
	zstd   *zstd.Decoder
	stream []byte
}

var decoders = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("vbzfilter: " + err.Error()) // the options are constants
	}
	return &decoder{zstd: z}
}}

// slack is room behind the stream: the zstd decoder is faster when it may write in
// whole vectors.
const slack = 64

// Append adds the first n values of a chunk to dst. The chunk may hold more: the
// last chunk of a dataset is padded. After an error dst comes back as it was.
func Append(dst []int16, chunk []byte, n int, p Parameters) ([]int16, error) {
	if err := p.check(); err != nil {
		return dst, err
	}
	if len(chunk) < 4 {
		return dst, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(chunk))
	}
	size, payload := uint64(binary.LittleEndian.Uint32(chunk)), chunk[4:]
	values := size / uint64(p[1])
	if values*uint64(p[1]) != size || values < uint64(n) {
		return dst, fmt.Errorf("%w: %d bytes of values where %d samples are needed", ErrCorrupt, size, n)
	}
	stream := payload
	if len(p) < 4 || p[3] != 0 {
		d := decoders.Get().(*decoder)
		defer decoders.Put(d)
		var err error
		if stream, err = d.unzip(payload, values); err != nil {
			return dst, err
		}
	}
	keys := (values + 3) / 4
	if uint64(len(stream)) < keys+values {
		return dst, fmt.Errorf("%w: %d bytes cannot hold %d values", ErrCorrupt, len(stream), values)
	}
	start := len(dst)
	out := slices.Grow(dst, n)[:start+n]
	if !unpack(out[start:], stream[:keys], stream[keys:], p[2] == 1) {
		return dst, fmt.Errorf("%w: the values end early", ErrCorrupt)
	}
	return out, nil
}

// unzip undoes zstd into memory of the decoder. A claim that the size of the frame
// does not justify is refused before anything is allocated: current takes more
// than a bit a sample.
func (d *decoder) unzip(frame []byte, values uint64) ([]byte, error) {
	const cheap, perByte = 1 << 20, 64
	if values > cheap && values/perByte > uint64(len(frame)) {
		return nil, fmt.Errorf("%w: %d values in %d bytes", ErrCorrupt, values, len(frame))
	}
	most := int((values+3)/4 + 4*values)
	if cap(d.stream) < most+slack {
		d.stream = make([]byte, 0, most+slack)
	}
	stream, err := d.zstd.DecodeAll(frame, d.stream[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	return stream, nil
}

// unpack fills dst; false when data end before. keys are enough for dst.
func unpack(dst []int16, keys, data []byte, zigzag bool) bool {
	var last uint32
	for len(dst) >= 4 {
		key := keys[0]
		if key == 0 && zigzag && len(data) >= 4 { // nearly always: four small steps
			out, in := dst[:4:4], data[:4:4]
			last += unzigzag(uint32(in[0]))
			out[0] = int16(last)
			last += unzigzag(uint32(in[1]))
			out[1] = int16(last)
			last += unzigzag(uint32(in[2]))
			out[2] = int16(last)
			last += unzigzag(uint32(in[3]))
			out[3] = int16(last)
			data = data[4:]
		} else {
			var ok bool
			if data, last, ok = unpackGroup(dst[:4], key, data, last, zigzag); !ok {
				return false
			}
		}
		dst, keys = dst[4:], keys[1:]
	}
	if len(dst) == 0 {
		return true
	}
	_, _, ok := unpackGroup(dst, keys[0], data, last, zigzag)
	return ok
}

// unpackGroup unpacks the values of one key byte.
func unpackGroup(out []int16, key byte, data []byte, last uint32, zigzag bool) ([]byte, uint32, bool) {
	for i := range out {
		size := int(key&3) + 1
		key >>= 2
		if len(data) < size {
			return data, last, false
		}
		var whole [4]byte
		copy(whole[:], data[:size])
		data = data[size:]
		v := binary.LittleEndian.Uint32(whole[:])
		if zigzag {
			last += unzigzag(v)
			v = last
		}
		out[i] = int16(v)
	}
	return data, last, true
}

// unzigzag undoes zigzag, mod 2^32; what is wanted of the sum are its low 16 bits.
func unzigzag(v uint32) uint32 { return v>>1 ^ -(v & 1) }
