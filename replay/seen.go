package replay

import (
	"encoding/binary"

	"github.com/porevec/porevec/signal"
)

// Duplicates tells of read ids that came more than once: a run copied twice, say,
// or a read in two files. They are replayed all the same, since each may be the
// good one.
type Duplicates struct {
	Reads uint64 // that had come before
	// First is the first of them; it lies in File and came from Other before.
	First       signal.ReadID
	File, Other string
	// Unchecked are the reads that were not looked at, since seenReads are known
	// already.
	Unchecked uint64
}

// seenReads bounds what is remembered: 2 million reads take about 50 MB.
const seenReads = 2_000_000

// seen remembers reads by half of their id, which is random: two of 2 million
// reads agree in it with a chance of 1 in 10 million.
type seen struct {
	Duplicates
	files map[uint64]uint32 // number of the file that a read came from
	paths []string
}

func (s *seen) add(r *signal.Read) {
	key := binary.LittleEndian.Uint64(r.ID[:8]) ^ binary.LittleEndian.Uint64(r.ID[8:])
	if other, known := s.files[key]; known {
		if s.Reads == 0 {
			s.First, s.File, s.Other = r.ID, r.Path, s.paths[other]
		}
		s.Reads++
		return
	}
	if len(s.files) == seenReads {
		s.Unchecked++
		return
	}
	if s.files == nil {
		s.files = make(map[uint64]uint32)
	}
	if n := len(s.paths); n == 0 || s.paths[n-1] != r.Path {
		s.paths = append(s.paths, r.Path)
	}
	s.files[key] = uint32(len(s.paths) - 1)
}
