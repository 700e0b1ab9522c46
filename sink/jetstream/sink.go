package jetstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/semaphore"

	"github.com/porevec/porevec/internal/broker"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

// Sink publishes vectors; it is a sink.Sink. Stored, Stats and PublishStat may
// be called from any goroutine.
type Sink struct {
	cfg  Config
	link *link
	join *Join                       // nil: in no hub
	hub  atomic.Pointer[HubProgress] // nil: nothing was heard of it

	// ctx ends with Close; everything that waits for the server waits for it too.
	ctx    context.Context
	cancel context.CancelFunc
	room   *semaphore.Weighted // bytes that may still be accepted
	queue  chan item
	ended  chan struct{} // closed when the publisher has ended
	closed sync.Once
	failed atomic.Pointer[error] // why nothing is accepted any more
	opened time.Time
	// roomAt is when there was enough space on the disk last, and roomBytes what had been
	// stored then. They are the publisher's.
	roomAt    time.Time
	roomBytes uint64
	// waiting is why nothing is stored just now; nil: it is.
	waiting atomic.Pointer[string]

	linesMu sync.Mutex
	lines   map[string]*line // by subject
	namesMu sync.Mutex
	names   namer // of Stored

	messages, rows, bytes, retries atomic.Uint64
}

// item is what Put and Flush hand to the publisher.
type item struct {
	recipe  *signal.Recipe
	chunks  []signal.Chunk
	vectors []float32
	debt    *checkpoint.Debt

	flushed chan struct{} // of Flush: closed when all before it is settled
}

// Open connects, starting the server in this process if that is asked for. ctx
// bounds the opening alone. A store that another process has open gives a
// [broker.LockedError].
func Open(ctx context.Context, cfg Config) (*Sink, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	var l *link
	var join *Join
	var err error
	if cfg.URL == "" {
		if join, err = LoadJoin(cfg.Store); err != nil {
			return nil, err
		}
		switch {
		case join != nil && cfg.Rig == "":
			cfg.Rig = join.Rig
		case join != nil && cfg.Rig != join.Rig:
			return nil, fmt.Errorf("jetstream: this is rig %s, but the hub knows store %s as rig %s", cfg.Rig, cfg.Store, join.Rig)
		}
	}
	if cfg.Rig == "" {
		cfg.Rig, _ = os.Hostname()
	}
	if cfg.URL != "" {
		l, err = dial(cfg.URL, cfg.Credentials, cfg.Log)
	} else {
		l, err = embed(ctx, serverConfig{store: cfg.Store, listen: cfg.Listen, webSocket: cfg.WebSocket, origins: cfg.Origins, durability: cfg.Durability, log: cfg.Log})
	}
	if err != nil {
		return nil, err
	}
	// The stream of an external server is its operator's.
	if err := l.openStream(ctx, cfg.URL != "", cfg.StoreBytes); err != nil {
		l.close()
		return nil, err
	}
	durable, err := newWatermark(cfg)
	if err != nil {
		l.close()
		return nil, err
	}
	s := &Sink{
		cfg:    cfg,
		join:   join,
		opened: time.Now(),
		link:   l,
		room:   semaphore.NewWeighted(cfg.InFlight),
		queue:  make(chan item, 64),
		ended:  make(chan struct{}),
		lines:  make(map[string]*line),
		names:  namer{rig: cfg.Rig, choice: cfg.Choice},
	}
	if join != nil {
		if err := l.listen(join.Rig, &s.hub); err != nil {
			l.close()
			return nil, err
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.publishAll(durable)
	return s, nil
}

// URL is where other programs of this computer can connect; "" when they cannot.
func (s *Sink) URL() string {
	switch {
	case s.cfg.URL != "":
		return s.cfg.URL
	case s.link.server != nil:
		url, _ := s.link.server.urls()
		return url
	}
	return ""
}

// WebSocketURL is where a browser on this computer can connect; "" when it cannot.
func (s *Sink) WebSocketURL() string {
	if s.link.server == nil {
		return ""
	}
	_, url := s.link.server.urls()
	return url
}

// Put copies the vectors and returns. What the stream already holds is not
// stored again, and settles as durable.
func (s *Sink) Put(ctx context.Context, e *signal.Embedded, done func(error)) error {
	if err := s.refusal(); err != nil {
		return err
	}
	n := len(e.Chunks)
	if e.Recipe == nil || e.Dim != e.Recipe.Dim || len(e.Vectors) != n*e.Dim {
		return fmt.Errorf("publish: %d chunks of dimension %d come with %d values", n, e.Dim, len(e.Vectors))
	}
	if n == 0 {
		done(nil)
		return nil
	}
	const perChunk = 64 // bytes that a chunk takes besides its vector
	weight := min(int64(n)*int64(4*e.Dim+perChunk), s.cfg.InFlight)
	if err := s.room.Acquire(ctx, weight); err != nil {
		return err
	}
	it := item{
		recipe:  e.Recipe,
		chunks:  append([]signal.Chunk(nil), e.Chunks...),
		vectors: append([]float32(nil), e.Vectors...),
		debt: checkpoint.NewDebt(n, func(err error) {
			s.room.Release(weight)
			done(err)
		}),
	}
	if err := s.send(ctx, it); err != nil {
		s.room.Release(weight)
		return err
	}
	return nil
}

// Flush publishes what waits and returns when all of it is settled. It waits as
// long as the server cannot be reached or is full, unless ctx ends.
func (s *Sink) Flush(ctx context.Context) error {
	flushed := make(chan struct{})
	if err := s.send(ctx, item{flushed: flushed}); err != nil {
		return err
	}
	select {
	case <-flushed:
		return s.refusal()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Sink) send(ctx context.Context, it item) error {
	if err := s.refusal(); err != nil {
		return err
	}
	select {
	case s.queue <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusal is why the sink accepts nothing more; nil: it does.
func (s *Sink) refusal() error {
	if s.ctx.Err() != nil {
		return errClosed
	}
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

var errClosed = &signal.Error{Class: signal.Cancelled, Op: "publish", Err: errors.New("the sink was closed before the vector was stored")}

// Close gives up what is not settled and stops the server in this process. Rows
// given up come again when the source is replayed.
func (s *Sink) Close() error {
	s.cancel()
	<-s.ended
	s.closed.Do(s.link.close)
	return nil
}

// Stored says whether the stream holds the vector of the chunk by this recipe.
// The first question about a run reads the headers of all of its messages; while
// the server does not answer, it is asked again.
func (s *Sink) Stored(ctx context.Context, recipe *signal.Recipe, c signal.Chunk) (bool, error) {
	if c.Read.Origin.Source == "" {
		return false, nil
	}
	s.namesMu.Lock()
	k := s.names.key(recipe, c.Read)
	s.namesMu.Unlock()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		var stored bool
		err := s.onLine(ctx, k.subject, func(l *line) { stored = l.stored.Has(k.track, checkpoint.PlaceOf(c)) })
		if err == nil || ctx.Err() != nil || signal.ClassOf(err) != signal.Transient {
			return stored, errors.Join(err, ctx.Err())
		}
		s.cfg.Log.Warn("waiting for the server to tell what is stored", "subject", k.subject, "error", err, "pause", pause)
		if s.pause(ctx, pause, err); s.ctx.Err() != nil {
			return false, errClosed
		}
	}
}

// pause waits so long before something that failed is tried again, or until the connection
// to the server is back.
func (s *Sink) pause(ctx context.Context, long time.Duration, failure error) {
	conn := s.link.conn
	back := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(back)
	lost := errors.Is(failure, errAway) || errors.Is(failure, errLost)
	if lost && conn.IsConnected() {
		return // it came back before anybody looked
	}
	select {
	case <-back:
	case <-time.After(long):
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
}

// onLine does something with what is known of a subject, which no one else does
// meanwhile.
func (s *Sink) onLine(ctx context.Context, subject string, do func(*line)) error {
	s.linesMu.Lock()
	defer s.linesMu.Unlock()
	l := s.lines[subject]
	if l == nil {
		ctx, cancel := s.link.listening(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		var err error
		if l, err = readLine(ctx, s.link.stream, subject); err != nil {
			return &signal.Error{Class: signal.Transient, Op: "resume", Err: unanswered(ctx, err)}
		}
		s.lines[subject] = l
	}
	do(l)
	return nil
}

// Stats counts what has been stored since Open.
type Stats struct {
	Messages, Rows uint64
	Bytes          uint64 // of payload
	Retries        uint64 // messages sent again, whatever the reason
}

// Stats gives the counts so far.
func (s *Sink) Stats() Stats {
	return Stats{Messages: s.messages.Load(), Rows: s.rows.Load(), Bytes: s.bytes.Load(), Retries: s.retries.Load()}
}

// State is how the sink is now.
type State struct {
	// Waiting is why nothing can be stored just now; "" when it can.
	Waiting string
	// StoredBytes are in the stream, as far as the server has told; 0 where it has not.
	StoredBytes uint64
	LimitBytes  uint64 // of the stream; 0: none
	FreeBytes   uint64 // of the disk; 0: not known
}

// State asks the server in this process; of another one only Waiting is known.
func (s *Sink) State() State {
	var state State
	if reason := s.waiting.Load(); reason != nil {
		state.Waiting = *reason
	}
	if s.link.server == nil {
		return state
	}
	state.LimitBytes = uint64(s.cfg.StoreBytes)
	state.StoredBytes = s.link.server.stored()
	_, state.FreeBytes, _ = broker.DiskSpace(s.cfg.Store)
	return state
}

// PublishStat sends a run's state, one JSON object, to whoever listens now. It is
// not stored.
func (s *Sink) PublishStat(run *signal.Run, object []byte) error {
	subject := wire.Subject{Rig: s.cfg.Rig, Position: run.Position, Run: run.AcquisitionID, Kind: wire.Stat}
	if err := s.link.conn.Publish(subject.String(), object); err != nil {
		return fmt.Errorf("publish state: %w", err)
	}
	return nil
}
