package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/porevec/porevec/index/internal/dot"
)

// Header is what an index file says of itself.
type Header struct {
	Software    string `json:"software"` // that wrote it
	Model       Model  `json:"model"`
	StrideBases int    `json:"stride_bases"` // from one window's start to the next
	Files       []File `json:"files"`
	// Contigs are the targets, then the decoys: stretches of targets read backwards
	// without being complemented, which no molecule is. What is found there shows
	// what chance finds.
	Contigs []Contig `json:"contigs"`
	Layers  []Layer  `json:"layers"`
}

// Model says in which space the vectors lie.
type Model struct {
	ID string `json:"id"`
	// Reference is the digest (SHA-256, hex) of the reference tower's file, Signals
	// those of the signal towers whose vectors may be searched, by kind of file.
	Reference      string            `json:"reference_sha256"`
	Signals        map[string]string `json:"signals_sha256"`
	Dim            int               `json:"dim"`
	SamplesPerBase float64           `json:"samples_per_base"`
	LeaderSamples  int               `json:"leader_samples"`
}

// Fits says whether vectors of the signal tower with this digest lie in the space.
func (m *Model) Fits(digest string) bool {
	for _, d := range m.Signals {
		if d == digest {
			return true
		}
	}
	return false
}

// File is a file of references.
type File struct {
	Name   string `json:"name"` // base name
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Contig is one sequence.
type Contig struct {
	Name   string `json:"name"`
	Length int    `json:"length"` // bases
	File   int    `json:"file"`   // place in Header.Files
	// Ambiguous counts the bases that are not certain, most of them N. Windows with
	// many of them are left out.
	Ambiguous int  `json:"ambiguous,omitempty"`
	Decoy     bool `json:"decoy,omitempty"`
}

// Layer holds the windows of one length.
type Layer struct {
	Window int `json:"window_samples"` // of signal that a window stands for
	Span   int `json:"span_bases"`     // of a window
	Count  int `json:"windows"`        // of both strands, decoys among them
	Decoys int `json:"decoys"`
	// Scale turns a stored value into an element of a vector.
	Scale float64 `json:"scale"`
	Rows  int     `json:"rows"` // of Vectors and IDs; some are empty and fill up a block
	Cells int     `json:"cells"`

	Vectors   section `json:"vectors"`   // rows in blocks of 16, cell after cell
	IDs       section `json:"ids"`       // uint32: which window each row is
	Ends      section `json:"ends"`      // uint32: the first row behind each cell
	Centroids section `json:"centroids"` // middle of each cell, in blocks of 16
}

// section is a part of the file.
type section struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

const (
	magic = "PVINDEX1"
	// preface is the magic, the header's length (uint64) and its SHA-256.
	preface = 8 + 8 + 32
	// alignment of sections in bytes: a cache line.
	alignment = 64
	noWindow  = math.MaxUint32 // the id of an empty row
	maxDim    = 1024
)

// parseHeader reads a header and checks that its sizes agree with one another and
// with the size of the file.
func parseHeader(text []byte, fileBytes int64) (*Header, error) {
	var h Header
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	m := &h.Model
	switch {
	case m.ID == "" || len(m.Signals) == 0:
		return nil, errors.New("it does not say which model made it")
	case m.Dim < 4 || m.Dim > maxDim || m.Dim%4 != 0:
		return nil, fmt.Errorf("vectors of %d dimensions", m.Dim)
	case !(m.SamplesPerBase > 0) || math.IsInf(m.SamplesPerBase, 0) || m.LeaderSamples < 0 || h.StrideBases < 1:
		return nil, fmt.Errorf("%g samples per base, windows every %d bases, leaders of %d samples", m.SamplesPerBase, h.StrideBases, m.LeaderSamples)
	case len(h.Contigs) == 0 || len(h.Layers) == 0:
		return nil, fmt.Errorf("%d sequences and %d layers", len(h.Contigs), len(h.Layers))
	}
	decoy := false
	for _, c := range h.Contigs {
		if c.Name == "" || c.Length < 1 || c.Length > math.MaxInt32 || c.File < 0 || c.File >= len(h.Files) || decoy && !c.Decoy {
			return nil, fmt.Errorf("sequence %q of %d bases from file %d of %d", c.Name, c.Length, c.File, len(h.Files))
		}
		decoy = c.Decoy
	}
	for i := range h.Layers {
		if err := h.Layers[i].check(&h, fileBytes); err != nil {
			return nil, fmt.Errorf("layer of %d samples: %w", h.Layers[i].Window, err)
		}
	}
	return &h, nil
}

func (l *Layer) check(h *Header, fileBytes int64) error {
	dim := int64(h.Model.Dim)
	for _, s := range []section{l.Vectors, l.IDs, l.Ends, l.Centroids} {
		if s.Offset < preface || s.Length < 0 || s.Length > fileBytes-s.Offset {
			return fmt.Errorf("a section of %d bytes at %d in a file of %d", s.Length, s.Offset, fileBytes)
		}
	}
	switch {
	case l.Window < 1 || l.Span < 1 || l.Count < 1 || l.Decoys < 0 || l.Decoys > l.Count || !(l.Scale > 0) || math.IsInf(l.Scale, 0):
		return fmt.Errorf("%d windows of %d bases, %d of them decoys, scale %g", l.Count, l.Span, l.Decoys, l.Scale)
	case l.Rows > math.MaxInt32 || l.Cells > math.MaxInt32 || l.Rows < l.Count || l.Rows%dot.Rows != 0 || l.Vectors.Length != int64(l.Rows)*dim || l.IDs.Length != 4*int64(l.Rows):
		return fmt.Errorf("%d rows for %d windows, in %d bytes of vectors and %d of ids", l.Rows, l.Count, l.Vectors.Length, l.IDs.Length)
	case l.Cells < 1 || l.Ends.Length != 4*int64(l.Cells) || l.Centroids.Length != int64(blocks(l.Cells))*dot.Rows*dim:
		return fmt.Errorf("%d cells in %d bytes of ends and %d of centroids", l.Cells, l.Ends.Length, l.Centroids.Length)
	}
	return nil
}

// blocks is how many blocks hold so many rows.
func blocks(rows int) int { return (rows + dot.Rows - 1) / dot.Rows }
