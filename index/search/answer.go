package search

import (
	"time"

	"github.com/porevec/porevec/signal"
)

// Answer is what is known of a read after some of its chunks.
type Answer struct {
	Run       *signal.Run
	ReadID    signal.ReadID
	Channel   uint16
	ReadStart uint64 // first sample of the read since the start of the acquisition

	Chunks  int    // heard so far
	Samples uint64 // from the read's start to the end of the last chunk heard, its leader among them

	// Place is the best one; Found says whether there is any. Of a read that
	// nothing speaks for it is empty.
	Place Place
	Found bool
	// Probability that Place is right, from 0 to 1.
	Probability float64
	// TargetProbability is that of the target, wherever on it: higher where the
	// target has the same stretch more than once.
	TargetProbability float64
	// LeadNats is the logarithm by which the best place is more likely than any
	// other one, decoys among them; negative where a decoy is the best.
	LeadNats float64
	// Called says that Probability is enough for the rate of false answers that was
	// asked for. Of a read that is not called, Place is a guess.
	Called bool
	// Final says that no later answer about this read will differ.
	Final bool
	// Spent is how long the search has computed for this read. All else in an answer is
	// the same however its chunks came; this is not.
	Spent time.Duration
}

// Place is a stretch of a target.
type Place struct {
	Target       string // name of the sequence
	TargetLength int    // bases
	// Start and End enclose what the chunks heard cover, in bases on the forward
	// strand, from 0, End excluded. They are estimates: a window of the index starts
	// every few bases, and the speed of the molecule varies.
	Start, End int
	Reverse    bool // the read is of the reverse strand
}

// Seconds of sequencing after which the answer was known: from the start of the
// acquisition to the end of the last chunk heard. 0 without a sample rate.
func (a *Answer) Seconds() float64 { return a.seconds(a.ReadStart + a.Samples) }

// ReadSeconds is how long the read itself was heard until the answer was known.
func (a *Answer) ReadSeconds() float64 { return a.seconds(a.Samples) }

func (a *Answer) seconds(samples uint64) float64 {
	if a.Run == nil || a.Run.SampleRateHz == 0 {
		return 0
	}
	return float64(samples) / float64(a.Run.SampleRateHz)
}
