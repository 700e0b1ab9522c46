package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/internal/broker"
	"github.com/porevec/porevec/sink/wire"
)

// SubscribeConfig says what to read and from where.
type SubscribeConfig struct {
	// URL of a server; "" reads Store.
	URL         string
	Credentials string // a .creds file; "" is none
	// Store is the directory of an embedded server. When another process has it
	// open and listens, Subscribe connects to that.
	Store string

	Kind               string // wire.Emb, wire.Hit or wire.Alert; "" is wire.Emb
	Rig, Position, Run string // "" is any

	New   bool      // only what comes from now on
	Since time.Time // only what was stored since; zero is from the beginning
	// End ends with io.EOF after what is stored now, instead of waiting for more.
	// A store that no other process has open always ends so: nothing can come.
	End bool

	Log *slog.Logger // nil logs nothing
}

// Message is one message.
type Message struct {
	Subject  wire.Subject
	Sequence uint64 // in the stream
	Time     time.Time
	Batch    *wire.Batch // of vectors, decoded; nil for the other kinds
	Payload  []byte      // of the other kinds
}

// Subscription reads messages in their order. Next and Close are called from one
// goroutine.
type Subscription struct {
	cfg      SubscribeConfig
	log      *slog.Logger
	link     *link
	last     uint64                    // sequence of the last message that was read
	messages jetstream.MessagesContext // nil: there is nothing to read
	end      uint64                    // sequence after which io.EOF comes; 0: never
	ended    bool
	skipped  atomic.Uint64
}

// Subscribe connects. A store that another process has open without listening
// gives a [broker.LockedError].
func Subscribe(ctx context.Context, cfg SubscribeConfig) (*Subscription, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l, err := cfg.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &Subscription{cfg: cfg, log: cfg.Log, link: l}
	if err := s.start(ctx, cfg); err != nil {
		l.close()
		return nil, err
	}
	return s, nil
}

func (cfg SubscribeConfig) connect(ctx context.Context) (*link, error) {
	if cfg.URL != "" {
		return dial(cfg.URL, cfg.Credentials, cfg.Log)
	}
	if cfg.Store == "" {
		return nil, errors.New("subscribe: neither a server's URL nor a store's directory is given")
	}
	if _, err := os.Stat(cfg.Store); err != nil {
		return nil, fmt.Errorf("there is no store %s (%w)", cfg.Store, err)
	}
	l, err := embed(ctx, serverConfig{store: cfg.Store, log: cfg.Log})
	var locked *broker.LockedError
	if errors.As(err, &locked) && locked.URL != "" {
		// Its owner listens for as long as it runs: once that is over, there is no use
		// in trying for long.
		return dial(locked.URL, "", cfg.Log, nats.MaxReconnects(4))
	}
	return l, err
}

// start begins to read at the right message.
func (s *Subscription) start(ctx context.Context, cfg SubscribeConfig) error {
	if err := s.link.openStream(ctx, true, 0); err != nil {
		return err
	}
	filter := wire.Subject{Rig: cfg.Rig, Position: cfg.Position, Run: cfg.Run, Kind: cmp.Or(cfg.Kind, wire.Emb)}.Filter()
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverAllPolicy}
	switch {
	case s.last > 0:
		from.DeliverPolicy, from.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.last+1
	case cfg.New:
		from.DeliverPolicy = jetstream.DeliverNewPolicy
	case !cfg.Since.IsZero():
		from.DeliverPolicy, from.OptStartTime = jetstream.DeliverByStartTimePolicy, &cfg.Since
	}
	if cfg.End || s.link.server != nil {
		last, err := s.link.stream.GetLastMsgForSubject(ctx, filter)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && s.last == 0 && (cfg.New || last.Time.Before(cfg.Since)), err == nil && last.Sequence <= s.last:
			s.ended = true
			return nil
		case err != nil:
			return fmt.Errorf("subscribe to %s: %w", filter, err)
		}
		s.end = last.Sequence
	}
	consumer, err := s.link.stream.OrderedConsumer(ctx, from)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	const ahead = 8 << 20 // bytes that are asked for before they are needed
	s.messages, err = consumer.Messages(jetstream.PullMaxBytes(ahead))
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	s.link.conn.SetClosedHandler(func(messages jetstream.MessagesContext) nats.ConnHandler {
		return func(*nats.Conn) { messages.Stop() } // wakes Next
	}(s.messages))
	return nil
}

// orphaned says whether the process that had the store open, and listened, has
// ended.
func (s *Subscription) orphaned() bool {
	return s.cfg.URL == "" && s.link.server == nil && s.link.conn.IsClosed()
}

// reopen goes on where the subscription was, with the store itself or with the next
// process that has it open.
func (s *Subscription) reopen(ctx context.Context) error {
	s.log.Info("the process that had the store open has ended; going on with the store", "store", s.cfg.Store)
	for begin := time.Now(); ; {
		l, err := s.cfg.connect(ctx)
		if err == nil {
			s.link = l
			return s.start(ctx, s.cfg)
		}
		if ctx.Err() != nil || time.Since(begin) > ackTimeout {
			return fmt.Errorf("subscribe: %w", err)
		}
		select { // the other one may be about to let go of it
		case <-ctx.Done():
		case <-time.After(firstPause):
		}
	}
}

// Next waits for the next message; io.EOF ends. A message that cannot be decoded
// is logged, counted and passed over.
func (s *Subscription) Next(ctx context.Context) (*Message, error) {
	for !s.ended {
		msg, err := s.messages.Next(jetstream.NextContext(ctx))
		if err != nil && s.orphaned() {
			if err := s.reopen(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		// Others may have written, or deleted the last one, since Subscribe.
		s.last = meta.Sequence.Stream
		s.ended = s.end > 0 && (meta.Sequence.Stream >= s.end || meta.NumPending == 0)
		if s.end > 0 && meta.Sequence.Stream > s.end {
			break
		}
		message, err := decode(msg.Subject(), msg.Data())
		if err != nil {
			s.skipped.Add(1)
			s.log.Warn("message passed over", "subject", msg.Subject(), "sequence", meta.Sequence.Stream, "error", err)
			continue
		}
		message.Sequence, message.Time = meta.Sequence.Stream, meta.Timestamp
		return message, nil
	}
	return nil, io.EOF
}

func decode(subject string, payload []byte) (*Message, error) {
	parsed, ours := wire.ParseSubject(subject)
	switch {
	case !ours:
		return nil, errors.New("the subject is not ours")
	case parsed.Kind != wire.Emb:
		return &Message{Subject: parsed, Payload: payload}, nil
	}
	batch, err := wire.Decode(payload)
	return &Message{Subject: parsed, Batch: batch}, err
}

// Publish stores a message about what was read, a search result for instance. It
// returns when the server has acknowledged it, and waits for one that is away. A
// message with an id that the stream took within the last hour is not stored again.
func (s *Subscription) Publish(ctx context.Context, subject wire.Subject, contentType, id string, payload []byte) error {
	msg := nats.NewMsg(subject.String())
	msg.Header.Set("Content-Type", contentType)
	msg.Data = payload
	for {
		ask, forget := s.link.attention(ctx)
		_, err := s.link.js.PublishMsg(ask, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(Stream))
		lost := errors.Is(context.Cause(ask), errLost)
		forget()
		switch {
		case err == nil:
			return nil
		case s.orphaned():
			if err := s.reopen(ctx); err != nil {
				return err
			}
		case !lost && s.link.conn.IsConnected() || ctx.Err() != nil:
			return fmt.Errorf("publish on %s: %w", subject, err)
		}
		select { // the connection may come back
		case <-ctx.Done():
		case <-time.After(firstPause):
		}
	}
}

// Skipped counts the messages passed over.
func (s *Subscription) Skipped() uint64 { return s.skipped.Load() }

// Close ends the subscription.
func (s *Subscription) Close() error {
	if s.messages != nil {
		s.messages.Stop()
	}
	s.link.close()
	return nil
}
