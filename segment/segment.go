// Package segment cuts the signal of reads into chunks: it drops the leader,
// follows gaps, shifts the last chunk left to the read's end, and marks stalls
// and open pore.
//
// The chunks of a read lie on a grid that begins at the end of its leader. A
// chunk depends on no sample after its own end, and its place in the grid on
// nothing that came before. So a chunk is the same whatever blocks the read
// arrives in, and whatever else of the read is missing: live, replayed at speed,
// or replayed in real time.
package segment

import (
	"errors"
	"fmt"

	"github.com/porevec/porevec/signal"
)

// Config says how to cut. All lengths are in samples.
type Config struct {
	// Window is the length of a chunk, Hop the distance of two starts.
	Window, Hop int
	// MinSamples is the shortest chunk that the model takes: a shorter read is
	// reported, not embedded. At most Window.
	MinSamples int
	// LeaderSamples is the head of a read that holds adapter and leader, and no
	// sequence of interest.
	LeaderSamples int
	// MaxChunks is how many places of a read's grid are used, from its start; 0 is
	// all.
	MaxChunks int
}

// apart is by how many places chunks differ that do not overlap.
func (c Config) apart() int { return (c.Window + c.Hop - 1) / c.Hop }

// leader is where the grid of a read begins.
func (c Config) leader() uint64 { return uint64(c.LeaderSamples) }

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Window < 1 {
		errs = append(errs, fmt.Errorf("window of %d samples: must be at least 1", c.Window))
	}
	if c.Hop < 1 {
		errs = append(errs, fmt.Errorf("hop of %d samples: must be at least 1", c.Hop))
	}
	if c.MinSamples < 1 || c.MinSamples > c.Window {
		errs = append(errs, fmt.Errorf("shortest chunk of %d samples: must lie between 1 and the window of %d", c.MinSamples, c.Window))
	}
	if c.LeaderSamples < 0 {
		errs = append(errs, fmt.Errorf("leader of %d samples: must not be negative", c.LeaderSamples))
	}
	if c.MaxChunks < 0 {
		errs = append(errs, fmt.Errorf("at most %d chunks of a read: must not be negative", c.MaxChunks))
	}
	return errors.Join(errs...)
}

// Reason names why samples were not embedded.
type Reason string

// The reasons that cutting knows.
const (
	// Leader is the dropped head of a read.
	Leader Reason = "leader"
	// TooShort is a stretch of signal shorter than the model's minimum.
	TooShort Reason = "too_short"
	// BetweenChunks are samples that a hop longer than the window leaves out.
	BetweenChunks Reason = "between_chunks"
	// AfterGap are samples between a gap, or a missing head, and the next place of
	// the read's grid.
	AfterGap Reason = "after_gap"
	// BeyondLimit are samples behind the last chunk that is wanted of a read.
	BeyondLimit Reason = "beyond_limit"
	// Limited are samples that a [Limit] leaves out.
	Limited Reason = "limited"
	// Corrupt are samples that could not be decoded, and those before them that
	// were waiting for them.
	Corrupt Reason = "corrupt"
	// Interrupted are samples whose chunk was never completed because the run was
	// stopped.
	Interrupted Reason = "interrupted"
)

// Limit leaves out chunks to save work. It does not move the grid: those that are cut
// have the number and the place that they have without it.
type Limit struct {
	// NoOverlap leaves out those places of the grid that overlap one before.
	NoOverlap bool
	// Chunks is how many places of a read's grid are used, from its start; 0 is all.
	Chunks int
}

// Output receives what is cut. Chunk's samples are valid during the call only.
type Output interface {
	Chunk(c signal.Chunk, samples []int16) error
	Skip(read *signal.Read, reason Reason, samples uint64)
	// End tells that a read is over and how many chunks it gave. A read that broke
	// off has the reason for it in cut, others "".
	End(read *signal.Read, chunks uint32, cut Reason)
}

// Segmenter cuts any number of interleaved reads. It is used by one goroutine.
type Segmenter struct {
	cfg   Config
	limit Limit
	reads map[signal.ReadID]*stretch
	spare []*stretch // of finished reads, to be used again
}

// New makes a segmenter.
func New(cfg Config) (*Segmenter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Segmenter{cfg: cfg, reads: make(map[signal.ReadID]*stretch)}, nil
}

// SetLimit holds for what is cut from now on, of reads that have begun too.
func (s *Segmenter) SetLimit(l Limit) { s.limit = l }

// Has says whether a read has begun and not ended.
func (s *Segmenter) Has(read signal.ReadID) bool { return s.reads[read] != nil }

// Open is the number of reads that have begun and not ended.
func (s *Segmenter) Open() int { return len(s.reads) }

// Push cuts one block of a read, in order. An error comes from the output.
func (s *Segmenter) Push(b *signal.Block, out Output) error {
	st := s.reads[b.Read.ID]
	if st == nil {
		st = s.begin(b)
	} else if b.GapBefore {
		if err := st.finish(s.cfg, signal.FlagCut, out); err != nil {
			out.Skip(b.Read, Interrupted, uint64(len(b.Samples))+b.Lost)
			return err
		}
		st.marked = st.marked[:0]
		st.restart(s.cfg, b.Offset)
		st.once |= signal.FlagGapBefore
	}
	st.read = b.Read
	if err := st.add(s.cfg, s.limit, b.Samples, b.Flags, out); err != nil {
		if b.Lost > 0 {
			out.Skip(b.Read, Interrupted, b.Lost)
		}
		return err
	}
	switch {
	case b.Err != nil:
		st.abandon(Corrupt, b.Lost, out)
		s.end(st, out, Corrupt)
	case b.Last:
		flags := signal.FlagTail
		if b.EndMissing {
			flags = signal.FlagCut
		}
		if err := st.finish(s.cfg, flags, out); err != nil {
			return err
		}
		s.end(st, out, "")
	}
	return nil
}

// Interrupt ends all reads where they are, as nothing more will come. Samples
// that wait for the rest of their chunk are skipped as interrupted. It is also due
// after an error of Push.
func (s *Segmenter) Interrupt(out Output) {
	for _, st := range s.reads {
		st.abandon(Interrupted, 0, out)
		s.end(st, out, Interrupted)
	}
}

func (s *Segmenter) end(st *stretch, out Output, cut Reason) {
	out.End(st.read, st.given, cut)
	delete(s.reads, st.read.ID)
	s.spare = append(s.spare, st)
}

// begin opens the state of a read.
func (s *Segmenter) begin(b *signal.Block) *stretch {
	st := &stretch{}
	if n := len(s.spare); n > 0 {
		st, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	*st = stretch{read: b.Read, held: st.held[:0], marked: st.marked[:0]}
	st.restart(s.cfg, b.Offset)
	if b.Offset > s.cfg.leader() { // else nothing is missing that would be used
		st.always = signal.FlagHeadMissing
	}
	s.reads[b.Read.ID] = st
	return st
}
