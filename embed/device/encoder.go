package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

// How long a device that failed is left alone: it doubles with each failure in a row.
const (
	shortestRest = 10 * time.Second
	longestRest  = 10 * time.Minute
	// forgiven is how many times its next rest a device must have worked for its failures
	// before to be forgotten.
	forgiven = 3
)

// openPatience is how long calls wait for a device whose turn has come to be opened, while
// others stand behind it.
const openPatience = 10 * time.Second

// Encoder is an [embed.Encoder] on the best of its devices that works.
type Encoder struct {
	model embed.Model
	log   *slog.Logger
	told  func(Event)

	mu     sync.Mutex
	places []*place
	closed bool
	// ending are sessions that were left.
	ending []chan struct{}

	// ctx ends with Close. The keeper and the openings end with it.
	ctx    context.Context
	cancel context.CancelFunc
	others sync.WaitGroup
	wake   chan struct{} // a device has failed
	rest   time.Duration // shortestRest
}

// place is a device and what became of it.
type place struct {
	Device
	session *session // nil: left, or its turn has not come
	opening *opening // nil: nobody opens it now
	why     error    // of its last failure
	retry   time.Time
	rest    time.Duration
}

// opening is an attempt to open a device.
type opening struct {
	over chan struct{} // closed when it has ended, well or not
	// late ends when those who wait for the device should look again: the attempt is over,
	// or takes so long that another device should be taken.
	late   context.Context
	giveUp context.CancelFunc
}

// Config is what an encoder is made of.
type Config struct {
	// Model names the embedding, whichever file of it a device computes.
	Model embed.Model
	// Devices in the order of preference. The others are opened when they are needed.
	Devices []Device
	// Insist says that there is no encoder when the first device does not work. Without, the
	// first one that works computes.
	Insist bool
	Log    *slog.Logger
	// Told is called with each event, from any goroutine; nil: nobody is told.
	Told func(Event)

	// rest replaces shortestRest in tests.
	rest time.Duration
}

// New opens and proves a device. It gives that up when ctx ends, on which nothing depends
// later.
func New(ctx context.Context, cfg Config) (*Encoder, error) {
	e := &Encoder{model: cfg.Model, log: cfg.Log, told: cfg.Told, wake: make(chan struct{}, 1), rest: shortestRest}
	if cfg.rest > 0 {
		e.rest = cfg.rest
	}
	for _, d := range cfg.Devices {
		e.places = append(e.places, &place{Device: d, rest: e.rest})
	}
	if len(e.places) == 0 {
		return nil, errors.New("no device to compute on")
	}
	if err := e.first(ctx, cfg.Insist); err != nil {
		return nil, err
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.others.Go(e.keep)
	return e, nil
}

// first opens the first device that works.
func (e *Encoder) first(ctx context.Context, insist bool) error {
	var failures []error
	for _, p := range e.places {
		s, err := e.open(ctx, p)
		if err == nil {
			p.session = s
			return nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", p.Name, err))
		if insist || ctx.Err() != nil {
			break
		}
		e.rested(p, err)
		e.tell(Event{Kind: Failed, Device: p.Name, Now: e.next(p), Why: err.Error()})
	}
	return errors.Join(failures...)
}

// Model implements [embed.Encoder].
func (e *Encoder) Model() embed.Model { return e.model }

// Device is the name of the one that computes; "" when none does.
func (e *Encoder) Device() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now()
}

func (e *Encoder) now() string {
	for _, p := range e.places {
		if p.session != nil {
			return p.Name
		}
	}
	return ""
}

// open opens and proves a device.
func (e *Encoder) open(ctx context.Context, p *place) (*session, error) {
	return open(ctx, &p.Device, func(chunks int, why error) {
		e.tell(Event{Kind: Smaller, Device: p.Name, Chunks: chunks, Why: why.Error()})
	})
}

// tell passes an event on.
func (e *Encoder) tell(event Event) {
	event.At = time.Now().UTC()
	if event.Now == "" {
		event.Now = e.Device()
	}
	switch event.Kind {
	case Returned:
		e.log.Info("computing on the device again", "device", event.Device)
	case Smaller:
		e.log.Warn("the device is short of memory: fewer chunks at a time", "device", event.Device, "chunks", event.Chunks, "why", event.Why)
	default:
		e.log.Error("the device failed", "device", event.Device, "now", event.Now, "why", event.Why)
	}
	if e.told != nil {
		e.told(event)
	}
}

// Encode implements [embed.Encoder]. It fails when all devices do.
func (e *Encoder) Encode(ctx context.Context, in *signal.Batch, out []float32) error {
	if err := e.model.CheckBatch(in, out); err != nil { // no device's fault
		return &signal.Error{Class: signal.Fatal, Op: "encode", Err: err}
	}
	for {
		p, s, err := e.pick(ctx, in.Window)
		if err != nil {
			return err
		}
		if err = s.Encode(ctx, in, out); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		e.leave(p, s, err)
	}
}

func cancelled(ctx context.Context) error {
	return &signal.Error{Class: signal.Cancelled, Op: "encode", Err: ctx.Err()}
}

// pick gives the first device that works and takes the window, and opens those whose turn
// has come.
func (e *Encoder) pick(ctx context.Context, window int) (*place, *session, error) {
	for {
		p, s, wait, err := e.choose(window)
		if s != nil || err != nil {
			return p, s, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, nil, cancelled(ctx)
		}
	}
}

// choose is one look of pick. Where a device is being opened that is worth waiting for, it
// gives what to wait for.
func (e *Encoder) choose(window int) (p *place, s *session, wait <-chan struct{}, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, nil, &signal.Error{Class: signal.Fatal, Op: "encode", Err: errors.New("the encoder is closed")}
	}
	failures := []error{errors.New("no device is left to compute on")}
	for _, p := range e.places {
		switch {
		case p.Window != 0 && p.Window != window:
			failures = append(failures, fmt.Errorf("%s: it takes chunks of %d samples only", p.Name, p.Window))
		case p.session != nil:
			return p, p.session, nil, nil
		case p.opening == nil && p.why == nil:
			e.begin(p) // its turn has come for the first time
			return nil, nil, p.opening.late.Done(), nil
		case p.opening == nil:
			failures = append(failures, fmt.Errorf("%s: %w", p.Name, p.why))
		case p.opening.late.Err() == nil:
			return nil, nil, p.opening.late.Done(), nil
		case wait == nil: // it may still come
			wait = p.opening.over
		}
	}
	if wait != nil {
		return nil, nil, wait, nil
	}
	return nil, nil, nil, &signal.Error{Class: signal.Fatal, Op: "encode", Err: errors.Join(failures...)}
}

// begin begins to open a device. Nobody waits for one that has failed before.
func (e *Encoder) begin(p *place) {
	o, again := &opening{over: make(chan struct{})}, p.why != nil
	o.late, o.giveUp = context.WithTimeout(e.ctx, openPatience)
	if again {
		o.giveUp()
	}
	p.opening = o
	e.others.Go(func() {
		s, err := e.open(e.ctx, p)
		event := Event{Kind: Returned, Device: p.Name}
		e.mu.Lock()
		switch {
		case err != nil:
			e.rested(p, err)
			event = Event{Kind: Failed, Device: p.Name, Now: e.next(p), Why: err.Error()}
		case e.closed:
			e.ending = append(e.ending, s.close())
		default:
			p.session = s
		}
		p.opening = nil
		closed := e.closed
		e.mu.Unlock()
		close(o.over)
		o.giveUp()
		switch {
		case closed:
		case err != nil && again:
			e.log.Warn("the device does not work yet", "device", p.Name, "why", err)
		case err != nil || again:
			e.tell(event)
		}
	})
}

// rested lets a device that failed rest before it is tried again.
func (e *Encoder) rested(p *place, why error) {
	p.why = why
	p.retry = time.Now().Add(p.rest)
	p.rest = min(2*p.rest, longestRest)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// leave stops using a session that failed.
func (e *Encoder) leave(p *place, s *session, why error) {
	e.mu.Lock()
	if p.session != s {
		e.mu.Unlock()
		return // another call was first
	}
	p.session = nil
	e.ending = append(e.ending, s.close())
	if time.Since(s.opened) > forgiven*p.rest {
		p.rest = e.rest
	}
	e.rested(p, why)
	now := e.next(p)
	e.mu.Unlock()
	e.tell(Event{Kind: Failed, Device: p.Name, Now: now, Why: why.Error()})
}

// next is the device whose turn it is after one that failed.
func (e *Encoder) next(failed *place) string {
	for _, p := range e.places {
		if p != failed && (p.session != nil || p.why == nil) {
			return p.Name
		}
	}
	return ""
}

// keep tries devices that failed again, until the encoder is closed.
func (e *Encoder) keep() {
	for {
		timer := time.NewTimer(e.retryDue())
		select {
		case <-e.ctx.Done():
		case <-e.wake:
		case <-timer.C:
		}
		timer.Stop()
		if e.ctx.Err() != nil {
			return
		}
	}
}

// retryDue begins to open the devices that have rested, and tells when the next one will
// have.
func (e *Encoder) retryDue() (in time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	in = time.Hour
	for _, p := range e.places {
		if p.session != nil || p.opening != nil || p.why == nil || e.closed {
			continue
		}
		if rest := time.Until(p.retry); rest > 0 {
			in = min(in, rest)
		} else {
			e.begin(p)
		}
	}
	return in
}

// Close waits for the calls under way, for a while for those that were given up, and
// frees the devices.
func (e *Encoder) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.others.Wait()
	for _, p := range e.places {
		if p.session != nil {
			e.ending = append(e.ending, p.session.close())
			p.session = nil
		}
	}
	late := time.After(grace)
	for _, ended := range e.ending {
		if !await(ended, late) {
			e.log.Warn("a call of a device never ended; its memory goes with the program")
			return nil
		}
	}
	return nil
}
