package checkpoint

import (
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// Message gathers rows of one run and track that are stored together.
type Message struct {
	Track  Track
	Rows   wire.Batch
	Places []Place // of the rows
	// From is where what the message settles begins. That may be before the first row:
	// a read that is too short for a chunk is settled by the next one.
	From Place

	first, last signal.Chunk
	owed        []Owed
}

// Reset empties the message and keeps its memory.
func (m *Message) Reset(t Track, run *signal.Run, recipe *signal.Recipe) {
	m.Rows.Reset(run, recipe)
	m.Track, m.Places, m.From = t, m.Places[:0], Place{}
	m.first, m.last = signal.Chunk{}, signal.Chunk{}
	clear(m.owed)
	m.owed = m.owed[:0]
}

// Holds says whether the message has the chunk already, given that chunks come in
// their order.
func (m *Message) Holds(c signal.Chunk) bool {
	return m.Track.Source != Live && m.Rows.Len() > 0 && PlaceOf(c).Compare(PlaceOf(m.last)) <= 0
}

// Add appends the vector of a chunk. next is the first place after what is stored before
// it.
func (m *Message) Add(c signal.Chunk, vector []float32, next Place) {
	if m.Rows.Len() == 0 {
		m.first, m.From = c, PlaceOf(c)
		if !c.AfterHole {
			m.From = next
		}
	}
	m.last = c
	m.Rows.Append(c, vector)
	m.Places = append(m.Places, PlaceOf(c))
}

// Drop takes rows out that are stored elsewhere meanwhile. What the message settles stays
// the same: all of it is stored then, here or there.
func (m *Message) Drop(stored func(Place) bool) {
	var kept wire.Batch
	var places []Place
	kept.Reset(m.Rows.Run, m.Rows.Recipe)
	for i, at := range m.Places {
		if !stored(at) {
			kept.AppendRow(m.Rows.Row(i))
			places = append(places, at)
		}
	}
	m.Rows, m.Places = kept, places
}

// ID names what the message settles.
func (m *Message) ID() string { return ID(m.Track, m.From, m.first, m.last) }

// Span is what the message settles.
func (m *Message) Span() Span { return Span{m.From, PlaceOf(m.last)} }

// Owe notes that one more row of a Put is in the message, or is stored already.
func (m *Message) Owe(to *Debt) {
	if n := len(m.owed); n > 0 && m.owed[n-1].to == to {
		m.owed[n-1].rows++
		return
	}
	m.owed = append(m.owed, Owed{to, 1})
}

// Owed are the Puts that wait for the message, until Reset.
func (m *Message) Owed() []Owed { return m.owed }

// Debt counts the rows of one Put that are not settled yet. It belongs to one goroutine.
type Debt struct {
	left int
	err  error
	done func(error)
}

// NewDebt is that of a Put of so many rows; done is called when the last of them is
// settled, with the first error.
func NewDebt(rows int, done func(error)) *Debt { return &Debt{left: rows, done: done} }

// Owed is a Put with rows in a message.
type Owed struct {
	to   *Debt
	rows int
}

// Settle tells those whose last rows these were.
func Settle(list []Owed, err error) {
	for _, o := range list {
		o.to.left -= o.rows
		if o.to.err == nil {
			o.to.err = err
		}
		if o.to.left == 0 {
			o.to.done(o.to.err)
		}
	}
}
