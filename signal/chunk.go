package signal

import "strings"

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
)

var flagNames = [...]string{"tail", "short", "gap_before", "head_missing", "stall", "open_pore"}

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
	Read  *Read
	Index uint32 // counts the chunks of the read from 0
	// Start is the chunk's first sample, from the read's start.
	Start   uint64
	Samples uint32 // its length
	// Fresh is how many of its samples no earlier chunk of the read held:
	// summed over chunks it counts every embedded sample once.
	Fresh uint32
	Flags Flags
	// AfterHole marks the first chunk after something of its source could not be
	// had: a checkpoint must not reach across.
	AfterHole bool
}
