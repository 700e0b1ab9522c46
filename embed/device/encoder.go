package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/signal"
)

// How long a device that failed is left alone: it doubles with each failure in a row.
const (
	shortestRest = 10 * time.Second
	longestRest  = 10 * time.Minute
)

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

	wake   chan struct{} // a device has failed
	cancel context.CancelFunc
	keeper sync.WaitGroup
	rest   time.Duration // shortestRest
}

// place is a device and what became of it.
type place struct {
	Device
	session *session // nil: left
	retry   time.Time
	rest    time.Duration
}

// Config is what an encoder is made of.
type Config struct {
	// Model names the embedding, whichever file of it a device computes.
	Model embed.Model
	// Devices in the order of preference. The first must work; the others are opened when
	// they are needed.
	Devices []Device
	Log     *slog.Logger
	// Told is called with each event, from any goroutine; nil: nobody is told.
	Told func(Event)

	// rest replaces shortestRest in tests.
	rest time.Duration
}

// New opens and proves the first device.
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
	first, err := e.open(ctx, e.places[0])
	if err != nil {
		return nil, err
	}
	e.places[0].session = first
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	e.keeper.Go(func() { e.keep(keep) })
	return e, nil
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
	var failures []error
	for {
		p, s, err := e.pick(ctx, in.Window)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		if err = s.Encode(ctx, in, out); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return &signal.Error{Class: signal.Cancelled, Op: "encode", Err: ctx.Err()}
		}
		if !errors.Is(err, errLeft) {
			failures = append(failures, fmt.Errorf("%s: %w", p.Name, err))
		}
		e.leave(p, s, err)
	}
}

// pick gives the first device that works and takes the window, opening those behind one
// that failed.
func (e *Encoder) pick(ctx context.Context, window int) (*place, *session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, &signal.Error{Class: signal.Fatal, Op: "encode", Err: errors.New("the encoder is closed")}
	}
	var failures []error
	for _, p := range e.places {
		if p.Window != 0 && p.Window != window {
			continue
		}
		if p.session == nil && time.Now().After(p.retry) && !p.failedBefore() {
			// Its turn has come for the first time. Others wait: they need it too. Golden chunks
			// go one by one, so that nothing is told meanwhile.
			s, err := e.open(ctx, p)
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", p.Name, err))
				e.rested(p)
				continue
			}
			p.session = s
		}
		if p.session != nil {
			return p, p.session, nil
		}
	}
	return nil, nil, &signal.Error{Class: signal.Fatal, Op: "encode", Err: fmt.Errorf("no device is left to compute on: %w", errors.Join(failures...))}
}

// failedBefore says that the keeper looks after the device.
func (p *place) failedBefore() bool { return !p.retry.IsZero() }

// rested lets a device rest before the keeper tries it again.
func (e *Encoder) rested(p *place) {
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
	e.rested(p)
	now := e.next(p)
	e.mu.Unlock()
	e.tell(Event{Kind: Failed, Device: p.Name, Now: now, Why: why.Error()})
}

// next is the device that will take what one that failed did.
func (e *Encoder) next(failed *place) string {
	for _, p := range e.places {
		if p != failed && (p.session != nil || !p.failedBefore()) {
			return p.Name
		}
	}
	return ""
}

// keep tries devices that failed again, until ctx ends.
func (e *Encoder) keep(ctx context.Context) {
	for {
		p, due := e.longestRested()
		timer := time.NewTimer(due)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-e.wake:
			timer.Stop()
			continue
		case <-timer.C:
		}
		if p == nil {
			continue
		}
		s, err := e.open(ctx, p)
		e.mu.Lock()
		switch {
		case err != nil:
			e.rested(p)
		case e.closed:
			e.ending = append(e.ending, s.close())
		default:
			p.session = s
		}
		closed := e.closed
		e.mu.Unlock()
		if err != nil {
			e.log.Warn("the device does not work yet", "device", p.Name, "why", err)
		} else if !closed {
			e.tell(Event{Kind: Returned, Device: p.Name})
		}
	}
}

// longestRested is the failed device to try next, and in what time; nil: none failed.
func (e *Encoder) longestRested() (next *place, in time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.places {
		if p.session == nil && p.failedBefore() && (next == nil || p.retry.Before(next.retry)) {
			next = p
		}
	}
	if next == nil {
		return nil, time.Hour
	}
	return next, max(0, time.Until(next.retry))
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
	tried := make(chan struct{})
	go func() { e.keeper.Wait(); close(tried) }()
	late := time.After(grace)
	if !await(tried, late) {
		e.log.Warn("a device is still being opened; not waiting for it")
		return nil
	}
	e.mu.Lock()
	for _, p := range e.places {
		if p.session != nil {
			e.ending = append(e.ending, p.session.close())
			p.session = nil
		}
	}
	ending := slices.Clone(e.ending)
	e.mu.Unlock()
	for _, ended := range ending {
		if !await(ended, late) {
			e.log.Warn("a call of a device never ended; its memory goes with the program")
			return nil
		}
	}
	return nil
}
