package vbz

import (
	"errors"
	"fmt"
	"time"

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
	// Unzipping is the time that zstd took of all calls of Decode so far.
	Unzipping time.Duration

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
	begin := time.Now()
	stream, err := d.zstd.DecodeAll(frame, d.stream[:0])
	d.Unzipping += time.Since(begin)
	if err != nil {
		return fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	return unpack(dst, stream)
}
