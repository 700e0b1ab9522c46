// Package broker runs a NATS server with JetStream inside of this process, on a folder
// that no other process may open meanwhile.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Broker is a server that can be started again; connections to it wait meanwhile.
type Broker struct {
	store   string
	options func() (*server.Options, error)
	log     *slog.Logger
	lock    *lock

	refused context.Context
	refuse  context.CancelFunc

	mu     sync.Mutex // held while the server is started or stopped
	server *server.Server
	health *health
}

// Start opens a store. It may take a second per gigabyte after a crash. options are
// asked for whenever the server is started; the store, its limit and the handling of
// signals are added to them. A store that another process has open gives a
// [LockedError].
func Start(ctx context.Context, store string, options func() (*server.Options, error), log *slog.Logger) (*Broker, error) {
	if err := os.MkdirAll(store, 0o755); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	lock, err := lockStore(store)
	if err != nil {
		return nil, err
	}
	b := &Broker{store: store, options: options, log: log, lock: lock}
	b.refused, b.refuse = context.WithCancel(context.Background())
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.start(ctx); err != nil {
		lock.release()
		return nil, err
	}
	return b, nil
}

// start starts a server on the store.
func (b *Broker) start(ctx context.Context) error {
	opts, err := b.options()
	if err != nil {
		return err
	}
	opts.StoreDir, opts.JetStream, opts.NoSigs = b.store, true, true
	// By itself the server would take a part of what the disk has free today, which the
	// store may have outgrown at the next start.
	opts.JetStreamMaxStore = math.MaxInt64
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	b.server, b.health = ns, newHealth(b.log, b.refuse)
	ns.SetLoggerV2(b.health, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		ns.Start()
	}()
	if err := b.ready(ctx, started); err != nil {
		b.halt()
		<-started
		return fmt.Errorf("open store %s: %w", b.store, err)
	}
	return nil
}

// ready waits as long as the context lets it.
func (b *Broker) ready(ctx context.Context, started chan struct{}) error {
	slow := time.NewTimer(3 * time.Second)
	defer slow.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-slow.C:
			b.log.Info("reading the store; after a crash this takes about a second per gigabyte")
		case <-started:
			waiting = false
		}
	}
	if err := b.health.fatal(); err != nil {
		return err
	}
	for !b.server.ReadyForConnections(100 * time.Millisecond) {
		if err := errors.Join(ctx.Err(), b.health.fatal()); err != nil {
			return err
		}
	}
	return nil
}

// halt stops the server, and keeps the store.
func (b *Broker) halt() {
	if b.server == nil {
		return
	}
	b.server.Shutdown()
	b.server.WaitForShutdown()
	b.server = nil
}

// Restart starts the server again. After a failed write it stores nothing until then,
// also when there is room again.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.halt()
	return b.start(ctx)
}

// Stop ends the server and lets go of the store.
func (b *Broker) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.halt()
	b.lock.release()
}

// Announce tells those who find the store in use where they can connect.
func (b *Broker) Announce(url string) error { return b.lock.announce(url) }

// Sick ends when a write has failed: from then on the server answers nothing about what
// it should store, until it is started again. Its cause is the failure.
func (b *Broker) Sick() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health.sick
}

// Refused ends when a hub does not let the server in, though it goes on trying.
func (b *Broker) Refused() context.Context { return b.refused }

// Server is the one that runs now; nil while there is none, and while it is being
// started, which may be long.
func (b *Broker) Server() *server.Server {
	if !b.mu.TryLock() {
		return nil
	}
	defer b.mu.Unlock()
	return b.server
}

// InProcessConn is for nats.InProcessServer: it connects to the server that runs now.
func (b *Broker) InProcessConn() (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return nil, errors.New("the embedded server does not run")
	}
	return b.server.InProcessConn()
}
