package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"

	"github.com/porevec/porevec/index/internal/dot"
)

// ErrFormat is in the errors about files that are no index, or a damaged one.
var ErrFormat = errors.New("not a usable index")

// Index is an open index file. It may be searched from several goroutines, each
// with a [Searcher] of its own.
type Index struct {
	Header
	// Digest is the SHA-256 of the header in hex. It names the index: the header
	// holds the checksums of all else.
	Digest string

	mapped mmap.MMap
	layers []layer
}

// layer is a Layer with its sections.
type layer struct {
	*Layer
	numbering numbering
	vectors   []byte // mapped
	centroids []byte // mapped
	ids       []uint32
	ends      []uint32
}

// Open maps a file into memory and checks all of it against its checksums.
func Open(path string) (*Index, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() < preface {
		return nil, fmt.Errorf("%s: %w: %d bytes are too few for one; 'porevec index build' makes one from FASTA files", path, ErrFormat, info.Size())
	}
	mapped, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: map into memory: %w", path, err)
	}
	ix, err := parse(mapped)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: %w", path, ErrFormat, err), mapped.Unmap())
	}
	ix.mapped = mapped
	return ix, nil
}

// Close unmaps the file. No search may be under way.
func (ix *Index) Close() error {
	ix.layers = nil
	return ix.mapped.Unmap()
}

func parse(file []byte) (*Index, error) {
	if !bytes.HasPrefix(file, []byte(magic)) {
		return nil, errors.New("it does not begin like an index of this version; 'porevec index build' makes one from FASTA files")
	}
	length := binary.LittleEndian.Uint64(file[8:])
	if length > uint64(len(file)-preface) {
		return nil, fmt.Errorf("its header of %d bytes does not fit into its %d: the file was cut off", length, len(file))
	}
	text := file[preface : preface+int(length)]
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], file[16:preface]) {
		return nil, errors.New("the header's checksum is wrong: the file was altered or damaged; build it again")
	}
	h, err := parseHeader(text, int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("its header does not hold together: %w; build it again", err)
	}
	ix := &Index{Header: *h, Digest: hex.EncodeToString(file[16:preface])}
	for i := range ix.Layers {
		l, err := openLayer(file, h, &ix.Layers[i])
		if err != nil {
			return nil, fmt.Errorf("layer of %d samples: %w", ix.Layers[i].Window, err)
		}
		ix.layers = append(ix.layers, l)
	}
	return ix, nil
}

func openLayer(file []byte, h *Header, about *Layer) (layer, error) {
	l := layer{Layer: about, numbering: number(h.Contigs, about.Span, h.StrideBases)}
	var err error
	read := func(name string, s section) []byte {
		part := file[s.Offset:][:s.Length]
		if sum := sha256.Sum256(part); hex.EncodeToString(sum[:]) != s.SHA256 && err == nil {
			err = fmt.Errorf("the checksum of its %s is wrong: the file was altered or damaged; build it again", name)
		}
		return part
	}
	l.vectors, l.centroids = read("vectors", about.Vectors), read("centroids", about.Centroids)
	l.ids, l.ends = numbers(read("ids", about.IDs)), numbers(read("ends", about.Ends))
	if err != nil {
		return l, err
	}
	windows := 0
	for _, id := range l.ids {
		if id == noWindow {
			continue
		}
		if windows++; int(id) >= l.numbering.count() {
			return l, fmt.Errorf("window %d of %d", id, l.numbering.count())
		}
	}
	if windows != about.Count {
		return l, fmt.Errorf("%d windows, the header says %d", windows, about.Count)
	}
	before := uint32(0)
	for _, end := range l.ends {
		if end < before || end%dot.Rows != 0 {
			return l, fmt.Errorf("a cell from row %d to %d", before, end)
		}
		before = end
	}
	if int(before) != about.Rows {
		return l, fmt.Errorf("the cells end at row %d of %d", before, about.Rows)
	}
	return l, nil
}

func numbers(part []byte) []uint32 {
	list := make([]uint32, len(part)/4)
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(part[4*i:])
	}
	return list
}

// Bases is the length of all targets together.
func (h *Header) Bases() int {
	total := 0
	for _, c := range h.Contigs {
		if !c.Decoy {
			total += c.Length
		}
	}
	return total
}
