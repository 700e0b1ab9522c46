package vbz

import "github.com/klauspost/compress/zstd"

// Encoder packs rows one after the other and reuses its memory. It is not safe
// for concurrent use.
type Encoder struct {
	zstd   *zstd.Encoder
	stream []byte
}

// NewEncoder makes an encoder. It starts no goroutine and needs no closing.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		panic("vbz: " + err.Error()) // the options are constants
	}
	return &Encoder{zstd: z}
}

// Append adds the packed samples to dst. No samples take no bytes.
func (e *Encoder) Append(dst []byte, samples []int16) []byte {
	e.stream = pack(e.stream[:0], samples)
	return e.zstd.EncodeAll(e.stream, dst)
}

// pack adds keys and data to stream.
func pack(stream []byte, samples []int16) []byte {
	n := len(samples)
	keyLen := (n + 7) / 8
	if need := keyLen + 2*n; cap(stream) < need {
		stream = make([]byte, 0, need)
	}
	stream = stream[:keyLen+2*n]
	keys, data := stream[:keyLen], stream[keyLen:]
	clear(keys)
	used := 0
	var last uint16
	for i, s := range samples {
		v := zigzag(uint16(s) - last)
		last = uint16(s)
		data[used] = byte(v)
		used++
		if v > 0xff {
			data[used] = byte(v >> 8)
			used++
			keys[i/8] |= 1 << (i % 8)
		}
	}
	return stream[:keyLen+used]
}

// zigzag makes small numbers of small steps: 0, −1, 1, −2 … become 0, 1, 2, 3 ….
func zigzag(d uint16) uint16 { return d<<1 ^ uint16(int16(d)>>15) }
