package signal

import (
	"strings"
	"time"
)

// Flags tell what is special about a chunk. The bits are part of the wire
// format.
type Flags uint16

// The flags.
const (
	// FlagTail marks a read's last chunk, shifted left to end at the read's end.
	FlagTail Flags = 1 << iota
	// FlagShort marks the only chunk of a read that is shorter than a window.
	FlagShort
	// FlagGapBefore marks a chunk whose predecessor is missing samples.
	FlagGapBefore
	// FlagHeadMissing marks the chunks of a read whose head was never seen.
	FlagHeadMissing
	// FlagStall marks a chunk in which the molecule stood still for long.
	FlagStall
	// FlagOpenPore marks a chunk with a stretch of open-pore current.
	FlagOpenPore
	// FlagCut marks a chunk that ends where the signal broke off: before a gap, or
	// where a live feed left a read whose end it did not show. It stands for the
	// regular chunk of its index, which could not be completed.
	FlagCut
	// FlagMerged marks a chunk with samples that a live feed sent late, several
	// pieces in one, because it was not read fast enough.
	FlagMerged
	// FlagRepeated marks a chunk with samples that a live feed sent twice. The first
	// ones are used.
	FlagRepeated
	// FlagUnchecked marks a chunk of a live feed that tells no positions: a gap in
	// it would not have been seen.
	FlagUnchecked
)

var flagNames = [...]string{"tail", "short", "gap_before", "head_missing", "stall", "open_pore", "cut", "merged", "repeated", "unchecked"}

// String joins the names of the set flags with commas; "" when none is set.
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Chunk places one encoder input in its read.
type Chunk struct {
	Read *Read
	// Index counts the places of the read's grid from 0: whatever is missing of the
	// read, the same stretch of it has the same index.
	Index uint32
	// Start is the chunk's first sample, from the read's start.
	Start   uint64
	Samples uint32 // its length
	// Fresh is how many of its samples no earlier chunk of the read held:
	// summed over chunks it counts every embedded sample once.
	Fresh uint32
	Flags Flags
	// Received is when the last of its samples came from a live feed; zero for
	// recorded ones.
	Received time.Time
	// AfterHole marks the first chunk after something of its source could not be
	// had: a checkpoint must not reach across.
	AfterHole bool
}
