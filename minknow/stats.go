package minknow

import (
	"sync"
	"time"
)

// Stats counts what happened at one position since the feed began. Positions and
// lengths are in samples, per channel.
type Stats struct {
	Host, Position string
	// State is what the position does, in words.
	State string
	// Run is the acquisition that is followed; "" when there is none.
	Run string
	// SampleRateHz is that of the run.
	SampleRateHz uint16
	Channels     int

	Messages, Bytes uint64 // of signal
	Pieces          uint64 // of reads
	Samples         uint64 // that became blocks
	Reads           uint64 // that began to be seen

	Gaps, GapSamples           uint64 // inside reads
	HeadsMissing               uint64 // reads whose beginning was not seen
	Merged                     uint64 // pieces that hold several, sent late
	Repeated, RepeatedSamples  uint64 // pieces with samples that had come before
	Late, LateSamples          uint64 // pieces of reads that were over
	Malformed                  uint64 // pieces that contradict themselves
	ShedMessages, ShedSamples  uint64 // dropped because the queue was full
	Reconnects                 uint64
	NoOffsets, NoCalibration   bool
	SamplesBehind, AcquiredNow uint64 // of the latest message, against what is acquired
	LastMessage                time.Time
}

// counters are Stats that several goroutines write.
type counters struct {
	mu    sync.Mutex
	stats Stats
}

func (c *counters) update(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
