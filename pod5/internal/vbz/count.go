package vbz

import (
	"fmt"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

// Samples counts the samples of a frame whose number is not known. Each sample
// makes the stream longer, so its length fixes their number.
func (d *Decoder) Samples(frame []byte) (int, error) {
	if len(frame) == 0 {
		return 0, nil
	}
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return 0, fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	if header.Skippable || !header.HasFCS || !Plausible(header.FrameContentSize, int64(len(frame))) {
		return 0, fmt.Errorf("%w: a zstd frame of %d bytes", ErrCorrupt, header.FrameContentSize)
	}
	if most := int(header.FrameContentSize); cap(d.stream) < most+slack {
		d.stream = make([]byte, 0, most+slack)
	}
	stream, err := d.zstd.DecodeAll(frame, d.stream[:0])
	if err != nil {
		return 0, fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	left, n := len(stream), 0
	for _, key := range stream {
		whole := 1 + 8 + bits.OnesCount8(key) // a key byte and the data of eight samples
		if left < whole {
			break
		}
		left -= whole
		n += 8
	}
	if left == 0 {
		return n, nil
	}
	for k := 1; k < 8; k++ {
		if left == 1+k+bits.OnesCount8(stream[n/8]<<(8-k)) {
			return n + k, nil
		}
	}
	return 0, fmt.Errorf("%w: no number of samples takes %d bytes", ErrCorrupt, len(stream))
}
