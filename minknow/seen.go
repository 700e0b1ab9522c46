package minknow

import (
	"github.com/porevec/porevec/signal"
)

// Span is the samples [From, To) of a read, counted from its start.
type Span struct{ From, To uint64 }

// Seen tells what a live feed gave of one read. A read that stayed silent for long and
// came back gives one Seen for each time.
type Seen struct {
	Read *signal.Read
	// Carried are the samples that became blocks, in order and apart from each other.
	Carried []Span
	// Shed is how many samples came but had to be dropped because the queue was full.
	Shed uint64
	// Repeated is how many came again; they were left out.
	Repeated uint64
	// EndSeen says that the read ended where the last span ends: the next one on its
	// channel began there.
	EndSeen bool
}

// Samples is how many samples became blocks.
func (s *Seen) Samples() uint64 {
	var n uint64
	for _, c := range s.Carried {
		n += c.To - c.From
	}
	return n
}

// carry books the samples [from, to), which lie behind those before.
func (s *Seen) carry(from, to uint64) {
	if n := len(s.Carried); n > 0 && s.Carried[n-1].To == from {
		s.Carried[n-1].To = to
		return
	}
	s.Carried = append(s.Carried, Span{from, to})
}
