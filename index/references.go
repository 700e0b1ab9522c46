package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/porevec/porevec/index/fasta"
)

// Add reads the sequences of a FASTA file.
func (r *References) Add(path string) error {
	about, err := describe(path)
	if err != nil {
		return err
	}
	if r.fileOf == nil {
		r.fileOf = make(map[string]int)
	}
	r.files = append(r.files, about)
	return fasta.Read(path, func(record fasta.Record) error {
		if file, taken := r.fileOf[record.Name]; taken {
			return fmt.Errorf("%s: a sequence %s was in %s already: results name sequences, so give each a name of its own",
				path, record.Name, r.files[file].Name)
		}
		c := Contig{Name: record.Name, Length: len(record.Bases), File: len(r.files) - 1}
		r.fileOf[c.Name] = c.File
		for _, base := range record.Bases {
			if !base.Certain() {
				c.Ambiguous++
			}
		}
		r.contigs = append(r.contigs, c)
		r.bases = append(r.bases, record.Bases)
		return nil
	})
}

// Contigs are the sequences so far.
func (r *References) Contigs() []Contig { return slices.Clone(r.contigs) }

func describe(path string) (File, error) {
	file, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return File{Name: filepath.Base(path), Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// decoyStretch is how long the pieces are, in bases, of which decoys are made
// where there is room for a part of the targets only.
const decoyStretch = 10_000

// withDecoys adds stretches of the targets read backwards: all of the targets, or
// pieces from everywhere that have most bases together.
func (r *References) withDecoys(most int) *References {
	all := &References{files: r.files, contigs: slices.Clone(r.contigs), bases: slices.Clone(r.bases)}
	total := 0
	for _, c := range r.contigs {
		total += c.Length
	}
	every := max(1, int(math.Ceil(float64(total)/float64(max(most, 1))))) // one piece of so many becomes a decoy
	pieces := 0
	for i, c := range r.contigs {
		length := c.Length
		if every > 1 {
			length = decoyStretch
		}
		for start := 0; start < c.Length && most > 0; start += length {
			if pieces++; (pieces-1)%every != 0 {
				continue
			}
			bases := slices.Clone(r.bases[i][start:min(start+length, c.Length)])
			slices.Reverse(bases)
			all.contigs = append(all.contigs, Contig{
				Name: fmt.Sprintf("%s:%d-%d backwards", c.Name, start, start+len(bases)), Length: len(bases), File: c.File, Decoy: true,
			})
			all.bases = append(all.bases, bases)
		}
	}
	return all
}
