package simulator

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/porevec/porevec/signal"
)

// placed is a read on a channel.
type placed struct {
	take
	id      signal.ReadID
	channel int    // from 1
	start   uint64 // samples since the acquisition began
	length  uint64 // samples; fewer than recorded when it was ended early
	number  uint32 // counts the reads of the channel
}

func (p *placed) end() uint64 { return p.start + p.length }

// reel puts reads on channels, in the order of their starts.
type reel interface {
	// next gives the next read; nil: there are no more.
	next() (*placed, error)
	// from is when the first read may begin.
	from() uint64
	// free says that a channel is empty from a time on, because its read was ended early
	// or began late.
	free(channel int, at uint64)
	// again makes the next run, whose time begins at 0.
	again()
	close()
}

// packed fills the channels: whenever one has been empty for a moment, it takes the
// next read.
type packed struct {
	lib             *library
	position, parts int // which of so many shares of the reads this is
	repeat          bool
	pause           uint64 // longest time between two reads, samples
	rng             *rand.Rand

	pull  func() (take, error, bool)
	stop  func()
	round int
	seen  int // reads of this round
	idle  idle
}

func newPacked(lib *library, position, parts, channels int, repeat bool, piece uint64) *packed {
	p := &packed{lib: lib, position: position, parts: parts, repeat: repeat, pause: piece, rng: rand.New(rand.NewPCG(uint64(position), 1))}
	for c := 1; c <= channels; c++ {
		p.idle = append(p.idle, idleChannel{c, 0})
	}
	heap.Init(&p.idle)
	p.rewind()
	return p
}

func (p *packed) rewind() {
	p.pull, p.stop = iter.Pull2(p.lib.reads())
	p.seen = 0
}

func (p *packed) close() { p.stop() }

func (p *packed) again() {
	for i := range p.idle {
		p.idle[i].since = 0
	}
	heap.Init(&p.idle)
}

func (p *packed) from() uint64 { return 0 }

func (p *packed) next() (*placed, error) {
	t, err := p.read()
	if err != nil || t == nil {
		return nil, err
	}
	id := t.read.ID
	if p.repeat {
		id = renamed(id, p.position, p.round)
	}
	c := heap.Pop(&p.idle).(idleChannel)
	out := &placed{
		take: *t, id: id, channel: c.channel,
		start: c.since + 1 + p.rng.Uint64N(p.pause), length: uint64(len(t.samples)),
	}
	heap.Push(&p.idle, idleChannel{c.channel, out.end()})
	return out, nil
}

func (p *packed) free(channel int, at uint64) {
	for i := range p.idle {
		if p.idle[i].channel == channel {
			p.idle[i].since = at
			heap.Fix(&p.idle, i)
			return
		}
	}
}

// read takes the next read of our share from the recording.
func (p *packed) read() (*take, error) {
	for {
		t, err, more := p.pull()
		switch {
		case err != nil:
			return nil, err
		case !more && (!p.repeat || p.seen == 0):
			return nil, nil
		case !more:
			p.stop()
			p.rewind()
			p.round++
			continue
		}
		p.seen++
		// Repeated reads are enough for all; others are shared out.
		if p.repeat || (p.seen-1)%p.parts == p.position {
			return &t, nil
		}
	}
}

// idleChannel is a channel that has been empty since a time, or will be.
type idleChannel struct {
	channel int
	since   uint64
}

// idle is a heap of channels, the one that is empty first in front.
type idle []idleChannel

func (h idle) Len() int { return len(h) }
func (h idle) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].since, h[j].since), cmp.Compare(h[i].channel, h[j].channel)) < 0
}
func (h idle) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *idle) Push(x any)   { *h = append(*h, x.(idleChannel)) }
func (h *idle) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// recorded puts reads where they were recorded. It holds all of them in memory, since
// files are not in the order of starts.
type recorded struct {
	reads []*placed
	first uint64
}

// mostRecorded bounds that memory, in samples.
const mostRecorded = 1 << 29

func newRecorded(lib *library, position, parts, channels int) (*recorded, error) {
	r := &recorded{}
	var n, samples uint64
	for t, err := range lib.reads() {
		if err != nil {
			return nil, err
		}
		n++
		if int(n-1)%parts != position {
			continue
		}
		if samples += uint64(len(t.samples)); samples > mostRecorded {
			return nil, errors.New("the recording is too large to be served at its recorded times: name fewer files, or let the reads be packed")
		}
		if t.read.Channel == 0 {
			return nil, fmt.Errorf("%s: read %v does not say its channel", t.read.Path, t.read.ID)
		}
		r.reads = append(r.reads, &placed{
			take: t, id: t.read.ID, channel: (int(t.read.Channel)-1)%channels + 1, start: t.read.Start, length: uint64(len(t.samples)),
		})
	}
	slices.SortStableFunc(r.reads, func(a, b *placed) int { return cmp.Compare(a.start, b.start) })
	// Where channels were folded together, reads may overlap: the later one waits.
	busy := make(map[int]uint64)
	for _, p := range r.reads {
		p.start = max(p.start, busy[p.channel])
		busy[p.channel] = p.end()
	}
	slices.SortStableFunc(r.reads, func(a, b *placed) int { return cmp.Compare(a.start, b.start) })
	if len(r.reads) > 0 {
		r.first = r.reads[0].start
	}
	return r, nil
}

func (r *recorded) from() uint64     { return r.first - min(r.first, 100) }
func (r *recorded) free(int, uint64) {}
func (r *recorded) again()           {}
func (r *recorded) close()           {}

func (r *recorded) next() (*placed, error) {
	if len(r.reads) == 0 {
		return nil, nil
	}
	p := r.reads[0]
	r.reads[0] = nil
	r.reads = r.reads[1:]
	return p, nil
}
