package vbz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

// ErrCorrupt is in the chain of every decoding error.
var ErrCorrupt = errors.New("VBZ data are damaged")

// maxWindow bounds the zstd window. Writers use single-segment frames, whose
// window is the content; 1 GiB is far above any row.
const maxWindow = 1 << 30

// slack is room behind the stream: the zstd decoder is faster when it may write
// in whole vectors.
const slack = 64

// Decoder unpacks rows one after the other and reuses its memory. It is not
// safe for concurrent use.
type Decoder struct {
	zstd   *zstd.Decoder
	stream []byte
}

// NewDecoder makes a decoder. It starts no goroutine and needs no closing.
func NewDecoder() *Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("vbz: " + err.Error()) // the options are constants
	}
	return &Decoder{zstd: z}
}

// Plausible says whether a row of samples may have come from compressed bytes.
// Measured current takes 5–7.5 bits per sample. Rows of up to a million samples
// are taken whatever they claim, since they cost little; longer ones must hold a
// byte for every 64 samples, so that a claimed count cannot exhaust the memory.
func Plausible(samples uint64, compressed int64) bool {
	const cheap, perByte = 1 << 20, 64
	return samples <= cheap || samples/perByte <= uint64(compressed)
}

// Decode unpacks frame into dst, whose length is the number of samples that
// the row must have. dst must be Plausible for the frame.
func (d *Decoder) Decode(dst []int16, frame []byte) error {
	n := len(dst)
	if n == 0 && len(frame) == 0 {
		return nil
	}
	least, most := (n+7)/8+n, (n+7)/8+2*n
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	if header.Skippable || !header.HasFCS || header.FrameContentSize < uint64(least) || header.FrameContentSize > uint64(most) {
		return fmt.Errorf("%w: a zstd frame of %d bytes cannot hold %d samples", ErrCorrupt, header.FrameContentSize, n)
	}
	if cap(d.stream) < most+slack {
		d.stream = make([]byte, 0, most+slack)
	}
	// The decoder writes no further than the capacity that it is given.
	stream, err := d.zstd.DecodeAll(frame, d.stream[:0])
	if err != nil {
		return fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	return unpack(dst, stream)
}

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
	unpackValid(dst, keys, data)
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

// unpackValid needs data of exactly the length that keys call for.
func unpackValid(dst []int16, keys, data []byte) {
	var last uint16
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
