package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

const (
	ackTimeout = 10 * time.Second
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// publisher gathers rows into messages and publishes them, one at a time. It lives in
// one goroutine.
type publisher struct {
	s     *Sink
	names namer
	due   *time.Timer // fires when the oldest waiting row has waited long enough

	// open are the messages being gathered, the oldest first: one for each key, since
	// the rows of several live runs come mixed.
	open  []*message
	spare []*message

	durable *watermark // nil: an acknowledgement of the server is enough
	payload []byte     // memory of the last message
}

// message is one that is being gathered.
type message struct {
	checkpoint.Message
	key  key
	due  time.Time
	noID bool // the server remembers the id of one that was deleted
}

// mostOpen bounds how many messages are gathered at a time.
const mostOpen = 64

// publishAll serves the queue until the sink is closed.
func (s *Sink) publishAll(durable *watermark) {
	defer close(s.ended)
	p := &publisher{s: s, names: namer{rig: s.cfg.Rig, choice: s.cfg.Choice}, due: time.NewTimer(time.Hour), durable: durable}
	defer p.due.Stop()
	var tick <-chan time.Time
	if durable != nil {
		tick = durable.tick.C
		defer durable.close()
	}
	for s.ctx.Err() == nil {
		select { // what waits goes along before the clock is looked at
		case it := <-s.queue:
			p.take(it)
		default:
			select {
			case it := <-s.queue:
				p.take(it)
			case <-p.due.C:
				p.publishDue()
			case <-tick:
				durable.begin()
			case err := <-p.synced():
				p.passed(err)
			case <-s.ctx.Done():
			}
			continue
		}
		select { // a queue that is never empty must not hold acknowledgements back
		case <-tick:
			durable.begin()
		case err := <-p.synced():
			p.passed(err)
		default:
		}
	}
	p.publishAll() // settles as cancelled
	for {
		select {
		case it := <-s.queue:
			p.take(it)
			p.publishAll()
		default:
			p.finish()
			return
		}
	}
}

// synced gives the verdict of the sync that is under way.
func (p *publisher) synced() <-chan error {
	if p.durable == nil {
		return nil
	}
	return p.durable.synced
}

// passed settles what a sync has passed.
func (p *publisher) passed(err error) {
	if err := p.durable.end(err); err != nil {
		p.s.fail(err)
	}
}

// finish waits until all that the server has stored is durable.
func (p *publisher) finish() {
	if p.durable == nil {
		return
	}
	if err := p.durable.finish(); err != nil {
		p.s.fail(err)
	}
}

// take adds the rows of a Put, or answers a Flush.
func (p *publisher) take(it item) {
	if it.flushed != nil {
		p.publishAll()
		p.finish()
		close(it.flushed)
		return
	}
	dim := it.recipe.Dim
	for i, c := range it.chunks {
		k := p.names.key(it.recipe, c.Read)
		m := p.message(k)
		if m != nil && (c.AfterHole || m.Rows.Len()*wire.RowBytes(it.recipe) >= p.s.cfg.MaxBytes) {
			p.publish(m)
			m = nil
		}
		if m == nil {
			m = p.begin(k, c.Read.Run, it.recipe)
		}
		if known, next := p.known(m, c); !known {
			m.Add(c, it.vectors[i*dim:(i+1)*dim], next)
		}
		m.Owe(it.debt)
	}
}

// message finds the one that rows of a key go into; nil: none is being gathered.
func (p *publisher) message(k key) *message {
	for _, m := range p.open {
		if m.key == k {
			return m
		}
	}
	return nil
}

// begin begins a message.
func (p *publisher) begin(k key, run *signal.Run, recipe *signal.Recipe) *message {
	// A subject has the order in which rows came: one source ends before the next begins.
	for _, o := range slices.Clone(p.open) {
		if o.key.subject == k.subject {
			p.publish(o)
		}
	}
	if len(p.open) == mostOpen {
		p.publish(p.open[0])
	}
	m := &message{}
	if n := len(p.spare); n > 0 {
		m, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	m.key, m.due, m.noID = k, time.Now().Add(p.s.cfg.MaxAge), false
	m.Reset(k.track, run, recipe)
	p.open = append(p.open, m)
	if len(p.open) == 1 {
		p.due.Reset(p.s.cfg.MaxAge)
	}
	return m
}

// known says whether the row is in the stream already, or in the message being
// gathered, and which place comes after what is stored before it.
func (p *publisher) known(m *message, c signal.Chunk) (known bool, next checkpoint.Place) {
	at := checkpoint.PlaceOf(c)
	switch {
	case m.Track.Source == checkpoint.Live || p.s.refusal() != nil:
		return false, at
	case m.Holds(c):
		return true, at
	}
	look := func() error {
		return p.s.onLine(p.s.ctx, m.key.subject, func(l *line) { known, next = l.stored.Has(m.Track, at), l.stored.Next(m.Track, at) })
	}
	if look() != nil { // the line has to be read, and the server does not answer
		p.persist(m.key.subject, look)
	}
	return known, next
}

// publishDue publishes the messages that have waited long enough.
func (p *publisher) publishDue() {
	for now := time.Now(); len(p.open) > 0 && !p.open[0].due.After(now); {
		p.publish(p.open[0])
	}
	if len(p.open) > 0 {
		p.due.Reset(time.Until(p.open[0].due))
	}
}

// publishAll publishes whatever is being gathered, in the order in which it was begun.
func (p *publisher) publishAll() {
	for len(p.open) > 0 {
		p.publish(p.open[0])
	}
}

// publish stores a gathered message and settles what it held, at once or when it is
// durable.
func (p *publisher) publish(m *message) {
	err := p.s.refusal()
	if err == nil && m.Rows.Len() > 0 {
		err = p.store(m)
	}
	if err == nil && p.durable != nil {
		p.durable.add(m.Owed())
	} else {
		checkpoint.Settle(m.Owed(), err)
	}
	m.Reset(checkpoint.Track{}, nil, nil)
	p.open = slices.DeleteFunc(p.open, func(o *message) bool { return o == m })
	p.spare = append(p.spare, m)
}

// store publishes the message until it is stored, or never can be.
func (p *publisher) store(m *message) error {
	var msg *nats.Msg
	err := p.persist(m.key.subject, func() error {
		for {
			if msg == nil {
				var err error
				if msg, err = p.encode(m); err != nil {
					return err
				}
			}
			switch fate, err := p.attempt(m, msg); {
			case err != nil || fate == landed:
				return err
			case fate == overtaken:
				msg = nil
				_ = p.s.onLine(p.s.ctx, m.key.subject, func(l *line) {
					m.Drop(func(at checkpoint.Place) bool { return l.stored.Has(m.Track, at) })
				})
				if m.Rows.Len() == 0 {
					return nil // others have stored all of it
				}
			}
		}
	})
	if err != nil || m.Rows.Len() == 0 {
		return err
	}
	p.s.messages.Add(1)
	p.s.rows.Add(uint64(m.Rows.Len()))
	p.s.bytes.Add(uint64(len(msg.Data)))
	return nil
}

// encode makes the message that goes out.
func (p *publisher) encode(m *message) (*nats.Msg, error) {
	payload, err := wire.Encode(p.payload[:0], &m.Rows)
	if err != nil {
		return nil, &signal.Error{Class: signal.Fatal, Op: "encode message", Err: err}
	}
	p.payload = payload
	id := m.ID()
	msg := &nats.Msg{Subject: m.key.subject, Data: payload, Header: nats.Header{
		HeaderBatch:       {id},
		HeaderRows:        {strconv.Itoa(m.Rows.Len())},
		HeaderSchema:      {strconv.Itoa(wire.SchemaVersion)},
		HeaderContentType: {wire.ContentType},
	}}
	// The server remembers ids for an hour, 250 bytes each. The many small messages of a
	// live run do without: the subject's last message tells as much.
	if m.Track.Source != checkpoint.Live && !m.noID {
		msg.Header.Set(nats.MsgIdHdr, m.key.subject+"/"+id) // it compares ids across subjects
	}
	return msg, nil
}

// persist tries again, with growing pauses, until it works, the sink is closed or
// the error is not transient.
func (p *publisher) persist(subject string, try func() error) error {
	defer p.s.waiting.Store(nil)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := p.s.usable()
		if err == nil {
			err = try()
		}
		switch {
		case err == nil:
			return nil
		case p.s.ctx.Err() != nil:
			return errClosed
		case signal.ClassOf(err) != signal.Transient:
			p.s.fail(err)
			return p.s.refusal()
		}
		reason := err.Error()
		p.s.waiting.Store(&reason)
		p.s.retries.Add(1)
		p.s.cfg.Log.Warn("vectors wait for the server", "subject", subject, "error", err, "pause", pause)
		p.s.pause(p.s.ctx, pause, err)
	}
}

// usable says why the server in this process can store nothing now. One whose disk was
// full is started again when there is room.
func (s *Sink) usable() error {
	server := s.link.server
	if server == nil {
		return nil
	}
	// A message at a time is not worth a call of the system.
	if stored := s.bytes.Load(); time.Since(s.roomAt) > time.Second || stored-s.roomBytes > roomStep {
		if err := checkSpace(s.cfg.Store, s.cfg.MinFree); err != nil {
			return err
		}
		s.roomAt, s.roomBytes = time.Now(), stored
	}
	cause := context.Cause(server.Sick())
	if cause == nil {
		return nil
	}
	s.cfg.Log.Warn("the embedded server is started again, because a write has failed", "store", s.cfg.Store, "error", cause)
	if err := server.Restart(s.ctx); err != nil {
		return &signal.Error{Class: signal.Transient, Op: "publish", Err: err}
	}
	return nil
}

// fail makes the sink refuse everything from now on.
func (s *Sink) fail(err error) { s.failed.CompareAndSwap(nil, &err) }

// fate is what became of an attempt to publish.
type fate uint8

const (
	landed    fate = iota + 1 // now, or by an earlier attempt
	overtaken                 // others have published on the subject
)

// attempt publishes the message once, if the subject's last message is the last one
// that is known.
func (p *publisher) attempt(m *message, msg *nats.Msg) (fate, error) {
	var known uint64
	if err := p.s.onLine(p.s.ctx, msg.Subject, func(l *line) { known = l.sequence }); err != nil {
		return 0, err
	}
	ctx, cancel := p.s.link.attention(p.s.ctx)
	ack, err := p.s.link.js.PublishMsg(ctx, msg,
		jetstream.WithExpectStream(Stream), jetstream.WithExpectLastSequencePerSubject(known), jetstream.WithRetryAttempts(0))
	failure := unanswered(ctx, err)
	cancel()
	if err != nil && !wrongSequence(err) {
		return 0, explain(failure, msg.Subject)
	}
	sequence := uint64(0)
	if err == nil && !ack.Duplicate {
		sequence = ack.Sequence
	} else if sequence, err = p.catchUp(m, msg); err != nil || sequence == 0 {
		return overtaken, err
	}
	return landed, p.s.onLine(p.s.ctx, msg.Subject, func(l *line) {
		l.sequence = max(l.sequence, sequence)
		l.stored.Add(m.Track, m.Span())
	})
}

// catchUp reads what has come into the subject, and gives the message's own place when
// an earlier attempt had landed. Otherwise another process writes there too, or died
// just now with a message under way; or messages were deleted from the stream.
func (p *publisher) catchUp(m *message, msg *nats.Msg) (sequence uint64, err error) {
	own, others := msg.Header.Get(HeaderBatch), 0
	ctx, cancel := p.s.link.attention(p.s.ctx)
	defer cancel()
	failure := p.s.onLine(ctx, msg.Subject, func(l *line) {
		err = l.read(ctx, p.s.link.stream, msg.Subject, func(at uint64, id string) {
			switch {
			case id == own:
				sequence = at
			case strings.HasPrefix(id, checkpoint.Live+"/"):
				others++
			}
		})
	})
	switch {
	case failure != nil || err != nil:
		return 0, &signal.Error{Class: signal.Transient, Op: "publish", Err: unanswered(ctx, errors.Join(failure, err))}
	case sequence == 0 && others > 0 && m.Track.Source == checkpoint.Live && time.Since(p.s.opened) > 2*ackTimeout:
		// A live run has no places to tell by what is stored twice.
		return 0, &signal.Error{Class: signal.Fatal, Op: "publish", Err: fmt.Errorf(
			"another porevec follows the same run and writes to %s: stop one of the two; what was stored stays", msg.Subject)}
	}
	m.noID = true // the sequence alone is enough
	return sequence, nil
}

func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
