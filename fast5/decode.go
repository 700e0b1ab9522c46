package fast5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zlib"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/fast5/internal/vbzfilter"
)

// Piece appends the samples of piece i of a read, below Pieces(), to dst. After an
// error dst comes back as it was.
func (f *File) Piece(r *Read, i int, dst []int16) ([]int16, error) {
	dst, err := f.piece(r.data, i, dst)
	if err != nil {
		err = failRead(f.path, "decode signal", r.ID.String(), err)
	}
	return dst, err
}

// PieceBytes is the stored size of piece i of a read.
func (f *File) PieceBytes(r *Read, i int) int64 { return int64(r.data.Chunks[i].Size) }

// Signal appends all samples of a read to dst. After an error dst holds the
// samples before the piece that failed.
func (f *File) Signal(r *Read, dst []int16) ([]int16, error) {
	for i := range r.data.Chunks {
		var err error
		if dst, err = f.Piece(r, i, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// piece undoes the filters of a chunk, the last one first. Chunks may be shorter
// than their datasets say: what counts is that the samples are there.
func (f *File) piece(d *hdf5.Dataset, i int, dst []int16) ([]int16, error) {
	data, err := d.Read(i)
	if err != nil {
		return dst, err
	}
	n := d.Values(i)
	limit := 2 * d.ChunkLen
	for k := len(d.Filters) - 1; k >= 0; k-- {
		if d.Chunks[i].Skipped>>k&1 == 1 {
			continue
		}
		begin := time.Now()
		switch filter := d.Filters[k]; filter.ID {
		case hdf5.FilterDeflate:
			data, err = inflate(data, limit)
		case hdf5.FilterShuffle:
			data, err = unshuffle(data, filter.Parameters)
		case vbzfilter.ID:
			if k > 0 {
				return dst, fmt.Errorf("%w: VBZ on top of filter %d", ErrUnsupported, d.Filters[0].ID)
			}
			if n > 64*uint64(len(data))+1<<20 {
				return dst, fmt.Errorf("%w: %d samples in %d bytes", ErrCorrupt, n, len(data))
			}
			dst, err = vbzfilter.Append(dst, data, int(n), filter.Parameters)
			f.inflating.Add(int64(time.Since(begin)))
			return dst, err
		default:
			return dst, fmt.Errorf("%w: unsupported HDF5 feature: filter %d", ErrUnsupported, filter.ID)
		}
		if err != nil {
			return dst, err
		}
		f.inflating.Add(int64(time.Since(begin)))
	}
	if uint64(len(data)) < 2*n {
		return dst, fmt.Errorf("%w: a chunk of %d bytes should hold %d samples", ErrCorrupt, len(data), n)
	}
	start := len(dst)
	dst = slices.Grow(dst, int(n))[:start+int(n)]
	for k := range int(n) {
		dst[start+k] = int16(binary.LittleEndian.Uint16(data[2*k:]))
	}
	return dst, nil
}

// inflaters are used by one chunk at a time.
var inflaters = sync.Pool{New: func() any { return new(inflater) }}

type inflater struct {
	source bytes.Reader
	zlib   io.ReadCloser
}

// inflate undoes the filter deflate. The output grows with what comes, at most to
// limit, and to what its input justifies: DEFLATE makes up to 1032 bytes of one,
// but not of measured current. 16 MB are cheap, whatever the input.
func inflate(data []byte, limit uint64) ([]byte, error) {
	const cheap, perByte = 16 << 20, 256
	limit = min(limit, cheap+perByte*uint64(len(data)))
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	z.source.Reset(data)
	var err error
	if z.zlib == nil {
		z.zlib, err = zlib.NewReader(&z.source)
	} else {
		err = z.zlib.(zlib.Resetter).Reset(&z.source, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: deflate: %v", ErrCorrupt, err)
	}
	out := bytes.NewBuffer(make([]byte, 0, min(limit, 4*uint64(len(data)))+bytes.MinRead))
	n, err := io.Copy(out, io.LimitReader(z.zlib, int64(limit)+1))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: deflate: %v", ErrCorrupt, err)
	case uint64(n) > limit:
		return nil, fmt.Errorf("%w: %d bytes inflate to more than %d", ErrCorrupt, len(data), limit)
	}
	return out.Bytes(), nil
}

// unshuffle undoes the filter shuffle: all first bytes of the values, then all
// second ones.
func unshuffle(data []byte, parameters []uint32) ([]byte, error) {
	if len(parameters) < 1 || parameters[0] != 2 {
		return nil, fmt.Errorf("%w: shuffle of values of %d bytes", ErrUnsupported, parameters)
	}
	half := len(data) / 2
	out := make([]byte, len(data))
	for i := range half {
		out[2*i], out[2*i+1] = data[i], data[half+i]
	}
	copy(out[2*half:], data[2*half:]) // an odd byte stays where it is
	return out, nil
}
