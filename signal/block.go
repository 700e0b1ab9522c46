package signal

import "time"

// Block is a contiguous run of samples of one read. A read comes as one or
// more blocks, in order; the blocks of different reads may interleave.
type Block struct {
	Read *Read
	// Offset of Samples[0] from the read's start.
	Offset  uint64
	Samples []int16
	// Last marks the read's final block; it may hold no samples.
	Last bool
	// EndMissing says with Last that more of the read may have been measured than
	// was shown.
	EndMissing bool
	// Flags go to every chunk that has samples of this block.
	Flags Flags
	// GapBefore marks samples missing between the previous block of this read
	// and this one.
	GapBefore bool
	// HeadMissing marks a read's first block when what lies before it never came.
	HeadMissing bool
	// Received is when the samples came from a live feed; zero for recorded ones.
	Received time.Time
	// AfterHole marks the first block after a file or read that the source had to
	// skip.
	AfterHole bool
	// Err ends the read early: the rest of it could not be had. The samples
	// that the source knows to be lost with it are in Lost.
	Err  error
	Lost uint64

	release func()
}

// NewBlock makes a block whose Release calls release (nil: nothing to do).
func NewBlock(read *Read, offset uint64, samples []int16, release func()) *Block {
	return &Block{Read: read, Offset: offset, Samples: samples, release: release}
}

// Release gives the samples back to their pool; they must not be used after.
func (b *Block) Release() {
	if b.release != nil {
		b.release()
		b.release, b.Samples = nil, nil
	}
}
