package parquet

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of parquet.thrift, besides codecZstd. The rest are of no use to vectors.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecLZ4    = 7
)

// inflater decompresses pages, and never more than their announced size.
type inflater struct{ zstd *zstd.Decoder }

func newInflater() (*inflater, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	return &inflater{z}, err
}

// inflate decompresses b into to, which is as long as the result must be.
func (f *inflater) inflate(codec int64, to, b []byte) error {
	var n int
	var err error
	switch codec {
	case codecNone:
		n = copy(to, b)
		if len(b) > n {
			n = len(b)
		}
	case codecSnappy:
		if n, err = snappy.DecodedLen(b); err == nil && n == len(to) {
			_, err = snappy.Decode(to, b)
		}
	case codecGzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			n, err = io.ReadFull(z, to)
		}
	case codecZstd:
		var out []byte
		out, err = f.zstd.DecodeAll(b, to[:0:len(to)])
		n = len(out)
	case codecLZ4:
		n, err = lz4.UncompressBlock(b, to)
	default:
		return fmt.Errorf("compression %d is not read: write the file anew with zstd", codec)
	}
	if err != nil {
		return err
	}
	if n != len(to) {
		return fmt.Errorf("a page has %d bytes, %d are announced", n, len(to))
	}
	return nil
}
