package pipeline

import (
	"github.com/porevec/porevec/signal"
)

// Channel is a channel of one run.
type Channel struct {
	Run    string // acquisition id
	Number uint16
}

// Share tells how a channel fared in a live run.
type Share struct {
	Chunks uint64 // cut
	Shed   uint64 // given up before they were encoded
}

// backlog holds the chunks of a live feed that wait for a free batch. It never
// refuses one: beyond its limit it gives up another.
//
// Channels take turns (start-time fair queueing). A channel's turn is a number that
// grows by one with each of its chunks that is encoded, and is never behind that
// of the last channel served, so that nobody saves up turns by being idle. Next to be
// encoded is the channel with the earliest turn; what is given up is the oldest chunk
// of the channel whose last chunk would have the latest one. So a busy channel
// does not push out a quiet one, and equally busy ones lose alike.
//
// It is used by one goroutine.
type backlog struct {
	limit    int
	waiting  int
	now      uint64 // the turn of the channel last served
	arrived  uint64 // chunks so far
	channels map[Channel]*queue
	next     ranking // first: whose oldest chunk is encoded next
	victims  ranking // first: who loses its oldest chunk
	spare    [][]int16
}

// pending is a chunk in the backlog, with samples of its own.
type pending struct {
	lane    *lane
	chunk   signal.Chunk
	samples []int16
	arrival uint64
}

// queue is what waits of one channel.
type queue struct {
	Share
	chunks []*pending // oldest first
	turn   uint64
	// Where it stands in next and victims, from 1; 0: nothing waits.
	places [2]int
}

func newBacklog(limit int) *backlog {
	b := &backlog{limit: limit, channels: make(map[Channel]*queue)}
	b.next = ranking{place: 0, before: func(p, q *queue) bool {
		if p.turn != q.turn {
			return p.turn < q.turn
		}
		return p.chunks[0].arrival < q.chunks[0].arrival
	}}
	b.victims = ranking{place: 1, before: func(p, q *queue) bool {
		if last, other := p.turn+uint64(len(p.chunks)), q.turn+uint64(len(q.chunks)); last != other {
			return last > other
		}
		return p.chunks[0].arrival < q.chunks[0].arrival
	}}
	return b
}

// add puts a copy of a chunk behind the others of its channel, and gives the chunk
// that was given up for it, if any was.
func (b *backlog) add(l *lane, chunk signal.Chunk, samples []int16) (shed *pending) {
	channel := Channel{chunk.Read.Run.AcquisitionID, chunk.Read.Channel}
	q := b.channels[channel]
	if q == nil {
		q = &queue{}
		b.channels[channel] = q
	}
	q.Chunks++
	b.arrived++
	w := &pending{lane: l, chunk: chunk, arrival: b.arrived}
	if n := len(b.spare); n > 0 {
		w.samples, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	w.samples = append(w.samples[:0], samples...)
	if len(q.chunks) == 0 {
		q.turn = max(q.turn, b.now)
	}
	q.chunks = append(q.chunks, w)
	b.waiting++
	b.rank(q)
	if b.waiting <= b.limit {
		return nil
	}
	loser := b.victims.queues[0]
	loser.Shed++
	return b.remove(loser)
}

// first is the chunk to be encoded next; nil: none waits.
func (b *backlog) first() *pending {
	if b.waiting == 0 {
		return nil
	}
	return b.next.queues[0].chunks[0]
}

// pop takes the first chunk out.
func (b *backlog) pop() *pending {
	q := b.next.queues[0]
	b.now = q.turn
	q.turn++
	return b.remove(q)
}

// remove takes the oldest chunk of a channel out.
func (b *backlog) remove(q *queue) *pending {
	w := q.chunks[0]
	copy(q.chunks, q.chunks[1:])
	q.chunks = q.chunks[:len(q.chunks)-1]
	b.waiting--
	b.rank(q)
	return w
}

// recycle takes back the samples of a chunk that was taken out.
func (b *backlog) recycle(w *pending) {
	b.spare = append(b.spare, w.samples)
	w.samples = nil
}

// rank puts a channel where it belongs after a change.
func (b *backlog) rank(q *queue) {
	b.next.rank(q)
	b.victims.rank(q)
}

// shares tells how each channel fared.
func (b *backlog) shares() map[Channel]Share {
	shares := make(map[Channel]Share, len(b.channels))
	for channel, q := range b.channels {
		shares[channel] = q.Share
	}
	return shares
}
