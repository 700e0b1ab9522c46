package minknow

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/porevec/porevec/signal"
)

// idleSeconds is how long nothing may come of a read, by the sequencer's clock and by
// ours, before it is taken to be over. A read in progress gives a piece every second
// or so.
const idleSeconds = 10

// tracker turns the pieces of one run into blocks, and keeps the books of what came of
// each read. It is used by one goroutine.
type tracker struct {
	run         *signal.Run
	path        string // names the run in errors
	calibration []signal.Calibration
	muxes       *muxes
	stats       *counters
	log         *slog.Logger
	seen        func(Seen)

	channels map[uint16]*channel
	offsets  offsets
	swept    uint64 // when idle reads were last looked for
}

// offsets says whether the server tells positions. Some never do: all of theirs are 0.
type offsets uint8

const (
	offsetsUnknown offsets = iota
	offsetsTold
	offsetsMissing
)

// channel is what is known of a channel's latest read.
type channel struct {
	Seen
	open  bool
	next  uint64       // position in the read of the sample that should come next
	heard uint64       // end of the latest piece, also of one that was shed, since the acquisition began
	when  time.Time    // that came
	flags signal.Flags // for the next block
	// before are the reads that were over earlier, the latest first.
	before [4]signal.ReadID
}

// take gives the blocks of a message, in order.
func (t *tracker) take(d *delivery, emit func(*signal.Block)) {
	for i := range d.pieces {
		p := &d.pieces[i]
		if p.err != nil {
			t.malformed(p, p.err)
			continue
		}
		t.piece(p, d, emit)
	}
	if rate := uint64(t.run.SampleRateHz); d.now > t.swept+rate {
		t.swept = d.now
		for _, c := range t.channels {
			if c.open && c.heard+idleSeconds*rate < d.now && d.received.Sub(c.when) > idleSeconds*time.Second {
				t.end(c, d, false, emit)
			}
		}
	}
}

// piece books one piece and gives its block, if anything of it is new.
func (t *tracker) piece(p *piece, d *delivery, emit func(*signal.Block)) {
	t.stats.update(func(s *Stats) { s.Pieces++ })
	c := t.channels[p.channel]
	if c == nil {
		c = &channel{}
		t.channels[p.channel] = c
	}
	same := c.Read != nil && c.Read.ID == p.id
	if !same && c.wasBefore(p.id) {
		t.stats.update(func(s *Stats) { s.Late++; s.LateSamples += p.length })
		return
	}
	t.learn(p, same && c.next > 0)
	if same && p.readStart != c.Read.Start {
		t.malformed(p, fmt.Errorf("its read began at %d, and now at %d", c.Read.Start, p.readStart))
		return
	}
	if !same {
		if c.open {
			t.end(c, d, t.offsets == offsetsTold && p.readStart == c.Read.Start+c.next, emit)
		}
		t.begin(c, p)
	}
	if p.length == 0 {
		return
	}
	at := p.start - p.readStart
	if t.offsets == offsetsMissing {
		at = c.next
	}
	skip := uint64(0)
	if at < c.next {
		skip = min(c.next-at, p.length)
		c.Repeated += skip
		c.flags |= signal.FlagRepeated
		t.stats.update(func(s *Stats) { s.Repeated++; s.RepeatedSamples += skip })
		if skip == p.length {
			return
		}
		at += skip
	}
	t.push(c, p, d, at, skip, emit)
}

// push emits the samples of a piece from the given one on; at is their position in the
// read.
func (t *tracker) push(c *channel, p *piece, d *delivery, at, skip uint64, emit func(*signal.Block)) {
	c.heard, c.when = max(c.heard, p.start+p.length), d.received
	c.open = true
	if p.raw == nil { // shed: the next piece finds a gap
		c.Shed += p.length - skip
		t.stats.update(func(s *Stats) { s.ShedSamples += p.length - skip })
		return
	}
	first := len(c.Carried) == 0 // or the first since it was taken to be over
	gap := at > c.next
	t.stats.update(func(s *Stats) {
		s.Samples += p.length - skip
		switch {
		case first && at > 0:
			s.HeadsMissing++
		case gap:
			s.Gaps++
			s.GapSamples += at - c.next
		}
		if p.merged {
			s.Merged++
		}
	})
	samples := newSamples()
	*samples = p.decode((*samples)[:0], skip)
	b := signal.NewBlock(c.Read, at, *samples, func() { freeSamples(samples) })
	b.Received = d.received
	b.HeadMissing = first && at > 0
	b.GapBefore = gap && !first
	b.Flags = c.flags
	c.flags = 0
	if p.merged {
		b.Flags |= signal.FlagMerged
	}
	if t.offsets == offsetsMissing {
		b.Flags |= signal.FlagUnchecked
	}
	c.next = at + p.length - skip
	c.carry(at, c.next)
	emit(b)
}

func (t *tracker) malformed(p *piece, err error) {
	t.stats.update(func(s *Stats) { s.Malformed++ })
	t.log.Warn("a piece of signal makes no sense and is left out", "run", t.path, "channel", p.channel, "read", p.id.String(), "error", err)
}

// begin starts the books of a read.
func (t *tracker) begin(c *channel, p *piece) {
	if c.Read != nil {
		copy(c.before[1:], c.before[:])
		c.before[0] = c.Read.ID
	}
	read := &signal.Read{
		ID: p.id, Run: t.run, Channel: p.channel, Mux: t.muxes.of(p.channel), Start: p.readStart,
		MedianBeforePA: p.median, OpenPorePA: float32(math.NaN()), Path: t.path,
	}
	if i := int(p.channel) - 1; i < len(t.calibration) {
		read.Calibration = t.calibration[i]
	}
	c.Seen = Seen{Read: read}
	// Open from its first piece on, so that a head that is missing is no gap.
	c.open, c.next, c.heard, c.flags = true, 0, 0, 0
	t.stats.update(func(s *Stats) { s.Reads++ })
}

// end closes a read: its last block holds no samples.
func (t *tracker) end(c *channel, d *delivery, endSeen bool, emit func(*signal.Block)) {
	c.EndSeen = endSeen
	if len(c.Carried) > 0 {
		b := signal.NewBlock(c.Read, c.next, nil, nil)
		b.Last, b.EndMissing, b.Received = true, !endSeen, d.received
		emit(b)
	}
	t.seen(c.Seen)
	c.open = false
	c.Seen = Seen{Read: c.Read}
}

// endAll closes what is open, when the run is over.
func (t *tracker) endAll(d *delivery, emit func(*signal.Block)) {
	for _, c := range t.channels {
		if c.open {
			t.end(c, d, false, emit)
		}
	}
	clear(t.channels)
}

// learn finds out whether the server tells positions.
func (t *tracker) learn(p *piece, continues bool) {
	switch {
	case t.offsets != offsetsUnknown:
	case p.start > 0:
		t.offsets = offsetsTold
	case continues:
		t.offsets = offsetsMissing
		t.stats.update(func(s *Stats) { s.NoOffsets = true })
		t.log.Warn("this server does not tell where its signal belongs: a gap in it cannot be seen; its vectors are marked unchecked", "run", t.path)
	}
}

func (c *channel) wasBefore(id signal.ReadID) bool {
	for _, before := range c.before {
		if before == id {
			return before != signal.ReadID{}
		}
	}
	return false
}
