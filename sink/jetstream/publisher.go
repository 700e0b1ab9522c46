package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

	payload []byte // memory of the last message
}

// message is one that is being gathered.
type message struct {
	key         key
	rows        wire.Batch
	first, last signal.Chunk
	from        checkpoint.Place // what the message settles begins here
	owed        []owed
	due         time.Time
}

// mostOpen bounds how many messages are gathered at a time.
const mostOpen = 64

// owed is a Put with rows in a message being gathered.
type owed struct {
	settle *settle
	rows   int
}

// publishAll serves the queue until the sink is closed.
func (s *Sink) publishAll() {
	defer close(s.ended)
	p := &publisher{s: s, names: namer{rig: s.cfg.Rig, subset: s.cfg.Subset}, due: time.NewTimer(time.Hour)}
	defer p.due.Stop()
	for s.ctx.Err() == nil {
		select { // what waits goes along before the clock is looked at
		case it := <-s.queue:
			p.take(it)
			continue
		default:
		}
		select {
		case it := <-s.queue:
			p.take(it)
		case <-p.due.C:
			p.publishDue()
		case <-s.ctx.Done():
		}
	}
	p.publishAll() // settles as cancelled
	for {
		select {
		case it := <-s.queue:
			p.take(it)
			p.publishAll()
		default:
			return
		}
	}
}

// take adds the rows of a Put, or answers a Flush.
func (p *publisher) take(it item) {
	if it.flushed != nil {
		p.publishAll()
		close(it.flushed)
		return
	}
	dim := it.recipe.Dim
	for i, c := range it.chunks {
		k := p.names.key(it.recipe, c.Read)
		m := p.message(k)
		if m != nil && (c.AfterHole || m.rows.Len()*wire.RowBytes(it.recipe) >= p.s.cfg.MaxBytes) {
			p.publish(m)
			m = nil
		}
		if m == nil {
			m = p.begin(k, c.Read.Run, it.recipe)
		}
		known, next := p.known(m, c)
		if !known {
			if m.rows.Len() == 0 {
				m.first, m.from = c, checkpoint.PlaceOf(c)
				if !c.AfterHole {
					m.from = next
				}
			}
			m.last = c
			m.rows.Append(c, it.vectors[i*dim:(i+1)*dim])
		}
		m.owe(it.settle)
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
	if len(p.open) == mostOpen {
		p.publish(p.open[0])
	}
	m := &message{}
	if n := len(p.spare); n > 0 {
		m, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	m.key, m.due = k, time.Now().Add(p.s.cfg.MaxAge)
	m.rows.Reset(run, recipe)
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
	if m.key.track.Source == checkpoint.Live || p.s.refusal() != nil {
		return false, at
	}
	if m.rows.Len() > 0 && at.Compare(checkpoint.PlaceOf(m.last)) <= 0 {
		return true, at
	}
	p.persist(m.key.subject, func() error {
		return p.s.onLine(p.s.ctx, m.key.subject, func(l *line) { known, next = l.stored.Has(m.key.track, at), l.stored.Next(m.key.track, at) })
	})
	return known, next
}

// owe notes one more row of a Put.
func (m *message) owe(s *settle) {
	if n := len(m.owed); n > 0 && m.owed[n-1].settle == s {
		m.owed[n-1].rows++
		return
	}
	m.owed = append(m.owed, owed{s, 1})
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

// publish stores a gathered message and settles what it held.
func (p *publisher) publish(m *message) {
	err := p.s.refusal()
	if err == nil && m.rows.Len() > 0 {
		err = p.store(m)
	}
	for _, o := range m.owed {
		o.settle.left -= o.rows
		if o.settle.err == nil {
			o.settle.err = err
		}
		if o.settle.left == 0 {
			o.settle.done(o.settle.err)
		}
	}
	clear(m.owed)
	m.owed = m.owed[:0]
	m.rows.Reset(nil, nil)
	m.first, m.last = signal.Chunk{}, signal.Chunk{}
	p.open = slices.DeleteFunc(p.open, func(o *message) bool { return o == m })
	p.spare = append(p.spare, m)
}

// store publishes the message until it is stored, or never can be.
func (p *publisher) store(m *message) error {
	payload, err := wire.Encode(p.payload[:0], &m.rows)
	if err != nil {
		p.s.fail(err)
		return p.s.refusal()
	}
	p.payload = payload
	id := checkpoint.ID(m.key.track, m.from, m.first, m.last)
	msg := &nats.Msg{Subject: m.key.subject, Data: payload, Header: nats.Header{
		HeaderBatch:       {id},
		HeaderRows:        {strconv.Itoa(m.rows.Len())},
		HeaderSchema:      {strconv.Itoa(wire.SchemaVersion)},
		HeaderContentType: {wire.ContentType},
	}}
	// The server remembers ids for an hour, 250 bytes each. The many small messages of a
	// live run do without: the subject's last message tells as much.
	if m.key.track.Source != checkpoint.Live {
		msg.Header.Set(nats.MsgIdHdr, m.key.subject+"/"+id) // it compares ids across subjects
	}
	if err := p.persist(m.key.subject, func() error { return p.attempt(m, msg) }); err != nil {
		return err
	}
	p.s.messages.Add(1)
	p.s.rows.Add(uint64(m.rows.Len()))
	p.s.bytes.Add(uint64(len(payload)))
	return nil
}

// persist tries again, with growing pauses, until it works, the sink is closed or
// the error is not transient.
func (p *publisher) persist(subject string, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := try()
		switch {
		case err == nil:
			return nil
		case p.s.ctx.Err() != nil:
			return errClosed
		case signal.ClassOf(err) != signal.Transient:
			p.s.fail(err)
			return p.s.refusal()
		}
		p.s.retries.Add(1)
		p.s.cfg.Log.Warn("vectors wait for the server", "subject", subject, "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-p.s.ctx.Done():
			return errClosed
		}
	}
}

// fail makes the sink refuse everything from now on.
func (s *Sink) fail(err error) { s.failed.CompareAndSwap(nil, &err) }

// attempt publishes the message once.
func (p *publisher) attempt(m *message, msg *nats.Msg) error {
	s := p.s
	if s.link.server != nil {
		if err := checkSpace(s.cfg.Store); err != nil {
			return err
		}
	}
	var sequence uint64
	if err := s.onLine(s.ctx, msg.Subject, func(l *line) { sequence = l.sequence }); err != nil {
		return err
	}
	sequence, err := p.compareAndSet(msg, sequence)
	if err != nil {
		return err
	}
	return s.onLine(s.ctx, msg.Subject, func(l *line) {
		l.sequence = sequence
		l.stored.Add(m.key.track, checkpoint.Span{First: m.from, Last: checkpoint.PlaceOf(m.last)})
	})
}

// compareAndSet publishes the message if the subject's last one is still at the
// given sequence, and gives its own.
func (p *publisher) compareAndSet(msg *nats.Msg, sequence uint64) (uint64, error) {
	for {
		ctx, cancel := context.WithTimeout(p.s.ctx, ackTimeout)
		ack, err := p.s.link.js.PublishMsg(ctx, msg,
			jetstream.WithExpectStream(Stream), jetstream.WithExpectLastSequencePerSubject(sequence), jetstream.WithRetryAttempts(0))
		cancel()
		switch {
		case err == nil && !ack.Duplicate:
			return ack.Sequence, nil
		case err != nil && !wrongSequence(err):
			return 0, explain(err, msg.Subject)
		}
		// An earlier attempt landed, or another writer was here, or messages were
		// deleted from the stream.
		ctx, cancel = context.WithTimeout(p.s.ctx, ackTimeout)
		last, err := p.s.link.stream.GetLastMsgForSubject(ctx, msg.Subject)
		cancel()
		var found uint64
		switch {
		case err == nil && last.Header.Get(HeaderBatch) == msg.Header.Get(HeaderBatch):
			return last.Sequence, nil
		case err == nil:
			found = last.Sequence
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return 0, explain(err, msg.Subject)
		}
		if found > sequence {
			return 0, &signal.Error{Class: signal.Fatal, Op: "publish", Err: fmt.Errorf(
				"another porevec writes to %s (its message %d came in between): stop one of the two and start again; nothing is lost or stored twice",
				msg.Subject, found)}
		}
		// The id may be remembered from a message that was deleted since; the
		// sequence alone is enough.
		sequence = found
		msg.Header.Del(nats.MsgIdHdr)
	}
}

func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// The server's codes for having no room.
const (
	codeStreamFull    = 10077 // MaxBytes of the stream
	codeNoResources   = 10023 // of the server
	codeStorageFull   = 10047 // of the account
	codeOtherStream   = 10060 // the subject belongs to another stream
	codeMessageTooBig = jetstream.JSErrCodeStreamMessageExceedsMaximum
)

// explain gives a failure to publish its class, and says what to do.
func explain(err error, subject string) error {
	class, advice := signal.Transient, ""
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		switch api.ErrorCode {
		case codeStreamFull:
			advice = "stream " + Stream + " is full: raise its limit, or delete old runs (nats stream purge " + Stream + " --subject=…)"
		case codeNoResources, codeStorageFull:
			advice = "the server has no storage left: free some, or raise its limit (max_file_store)"
		case codeOtherStream:
			class, advice = signal.Fatal, "another stream captures "+subject+": only "+Stream+" may have the subjects porevec.v1.>"
		case codeMessageTooBig:
			class, advice = signal.Fatal, "stream "+Stream+" takes no messages of this size: raise its max-msg-size"
		default:
			if api.Code >= 400 && api.Code < 500 {
				class, advice = signal.Fatal, "the server refuses the message"
			}
		}
	case errors.Is(err, nats.ErrMaxPayload):
		class, advice = signal.Fatal, "the server takes no messages of this size: raise its max_payload"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrPermissionViolation):
		class, advice = signal.Fatal, "the server does not let this user publish to "+subject
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		advice = "no stream takes " + subject + "; is JetStream running, and does stream " + Stream + " exist?"
	}
	if advice != "" {
		err = fmt.Errorf("%s (%w)", advice, err)
	}
	if class == signal.Transient && errors.Is(err, context.Canceled) {
		class = signal.Cancelled
	}
	return &signal.Error{Class: class, Op: "publish", Err: err}
}

// Space that is left alone: a file system that runs full leaves the server unable
// to write until it is restarted.
const (
	spareBytes = 2 << 30
	spareShare = 20 // one part in 20 of small file systems
)

func checkSpace(store string) error {
	size, free, err := diskSpace(store)
	if err != nil || free >= min(spareBytes, size/spareShare) {
		return nil // where space cannot be asked for, the server will tell
	}
	return &signal.Error{Class: signal.Transient, Op: "publish", Err: fmt.Errorf(
		"the disk of store %s has %d MB left, too few to go on: free some space", store, free>>20)}
}
