package index

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Built is an index in memory.
type Built struct {
	header Header
	layers []*builtLayer
}

// Write makes the file, replacing one that exists when the new one is whole.
func (b *Built) Write(path string) (err error) {
	text, sections, err := b.lay()
	if err != nil {
		return err
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	w := bufio.NewWriterSize(file, 1<<20)
	begin := make([]byte, preface)
	sum := sha256.Sum256(text)
	copy(begin, magic)
	binary.LittleEndian.PutUint64(begin[8:], uint64(len(text)))
	copy(begin[16:], sum[:])
	written := 0
	put := func(part []byte) {
		n, _ := w.Write(part) // an error comes again from Flush
		written += n
	}
	put(begin)
	put(text)
	for _, part := range sections {
		put(make([]byte, aligned(written)-written))
		put(part)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

func aligned(offset int) int { return (offset + alignment - 1) / alignment * alignment }

// lay gives every section its place and writes the header, whose own length moves
// them: it is laid out again until nothing moves.
func (b *Built) lay() (text []byte, sections [][]byte, err error) {
	h := b.header
	var places []*section
	for _, l := range b.layers {
		h.Layers = append(h.Layers, l.about)
		sections = append(sections, l.vectors, bytesOf(l.ids), bytesOf(l.ends), l.centroids)
	}
	for i := range h.Layers {
		l := &h.Layers[i]
		places = append(places, &l.Vectors, &l.IDs, &l.Ends, &l.Centroids)
	}
	for i, part := range sections {
		sum := sha256.Sum256(part)
		*places[i] = section{Length: int64(len(part)), SHA256: hex.EncodeToString(sum[:])}
	}
	for moved := true; moved; {
		if text, err = json.Marshal(h); err != nil {
			return nil, nil, err
		}
		moved = false
		at := preface + len(text)
		for i, part := range sections {
			at = aligned(at)
			moved = moved || places[i].Offset != int64(at)
			places[i].Offset = int64(at)
			at += len(part)
		}
	}
	return text, sections, nil
}

func bytesOf(list []uint32) []byte {
	out := make([]byte, 0, 4*len(list))
	for _, n := range list {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return out
}
