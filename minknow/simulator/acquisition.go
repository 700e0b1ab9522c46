package simulator

import (
	"slices"
	"sync"
	"time"

	"github.com/porevec/porevec/signal"
)

// acquisition is a run of the electronics: a clock, and the reads on each channel.
type acquisition struct {
	id    string
	clock *clock
	began time.Time
	piece uint64 // samples
	ends  bool   // Config.Ends
	over  chan struct{}
	scans []scan

	mu       sync.Mutex
	reel     reel
	upcoming *placed
	none     bool // the reel is at its end
	err      error
	channels [][]*placed // by channel - 1: the reads of now, in order
	counts   []uint32    // likewise: reads so far
	lastEnd  uint64
	books    *books // nil: none are kept
}

// scan is a mux scan, or a pause: reads end at its begin.
type scan struct{ begin, end uint64 }

// look brings the reads up to date and calls f with those of each channel, oldest first.
// Ended reads stay for a few pieces.
func (a *acquisition) look(now uint64, first, last int, f func(channel int, reads []*placed)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(now)
	for c := first; c <= last && c <= len(a.channels); c++ {
		f(c, a.channels[c-1])
	}
}

// keep is for how many samples an ended read is kept. With Config.Ends all of it is sent,
// and a busy computer may take seconds for that.
func (a *acquisition) keep() uint64 {
	if a.ends {
		return 8*a.piece + uint64(10*a.clock.samplesPerSecond)
	}
	return 8 * a.piece
}

func (a *acquisition) advance(now uint64) {
	for !a.none {
		if a.upcoming == nil {
			if a.upcoming, a.err = a.reel.next(); a.upcoming == nil {
				a.none = true
				break
			}
			a.endAtScans(a.upcoming)
		}
		if a.upcoming.start > now+2*a.piece {
			break
		}
		p := a.upcoming
		a.upcoming = nil
		a.counts[p.channel-1]++
		p.number = a.counts[p.channel-1]
		a.lastEnd = max(a.lastEnd, p.end())
		reads := slices.DeleteFunc(a.channels[p.channel-1], func(old *placed) bool { return old.end()+a.keep() < now })
		a.channels[p.channel-1] = append(reads, p)
		a.books.begin(p)
	}
}

// endAtScans makes a read end where a mux scan begins, or begin where it ends.
func (a *acquisition) endAtScans(p *placed) {
	for _, s := range a.scans {
		switch {
		case p.start >= s.begin && p.start < s.end:
			p.start = s.end + (p.start-s.begin)%a.piece
			a.reel.free(p.channel, p.end())
		case p.start < s.begin && p.end() > s.begin:
			p.length = s.begin - p.start
			a.reel.free(p.channel, s.end)
		}
	}
}

// played says whether all reads are through.
func (a *acquisition) played(now uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(now)
	return a.none && now > a.lastEnd+2*a.piece
}

// finish lets go of the reel, which the next acquisition goes on with.
func (a *acquisition) finish() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.none = true
	a.reel = nil
	return a.err
}

// unblock ends a read now.
func (a *acquisition) unblock(p *placed, now uint64) {
	p.length = now - p.start
	if a.reel != nil {
		a.reel.free(p.channel, now)
	}
}

// complete is how much of a read can be sent at a time.
func (a *acquisition) complete(p *placed, now uint64) uint64 {
	if now < p.start {
		return 0
	}
	if now >= p.end() && a.ends {
		return p.length
	}
	return min(now-p.start, p.length) / a.piece * a.piece
}

// Span is the samples [From, To) of a read, counted from its start.
type Span struct{ From, To uint64 }

// Sent tells what was sent of a read.
type Sent struct {
	ReadID signal.ReadID
	// Channel counts from 1; Start is in samples since the acquisition began, Length in
	// samples: fewer than recorded when it was ended early.
	Channel int
	Start   uint64
	Length  uint64
	Spans   []Span // in order, apart from each other
}

// books are kept of what is sent.
type books struct {
	mu    sync.Mutex
	reads map[signal.ReadID]*Sent
	order []*Sent
}

func newBooks() *books { return &books{reads: make(map[signal.ReadID]*Sent)} }

func (b *books) begin(p *placed) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Sent{ReadID: p.id, Channel: p.channel, Start: p.start, Length: p.length}
	b.reads[p.id] = s
	b.order = append(b.order, s)
}

func (b *books) sent(p *placed, from, to uint64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.reads[p.id]
	s.Spans = append(s.Spans, Span{from, to})
	slices.SortFunc(s.Spans, func(x, y Span) int { return int(int64(x.From) - int64(y.From)) })
	joined := s.Spans[:1]
	for _, next := range s.Spans[1:] {
		if last := &joined[len(joined)-1]; next.From <= last.To {
			last.To = max(last.To, next.To)
		} else {
			joined = append(joined, next)
		}
	}
	s.Spans = joined
}
