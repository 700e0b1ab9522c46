package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverConfig is what a server in this process is started with.
type serverConfig struct {
	store             string
	listen, webSocket string // "" is no listener
	origins           []string
	durability        Durability
	log               *slog.Logger
}

// options are those of the server. Addresses have been validated.
func (c *serverConfig) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName: "porevec",
		DontListen: c.listen == "",
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   c.store,
		SyncAlways: c.durability != Group,
		// By itself the server would take a part of what the disk has free today,
		// which the store may have outgrown at the next start.
		JetStreamMaxStore: math.MaxInt64,
	}
	var err error
	if c.listen != "" {
		if opts.Host, opts.Port, err = loopback(c.listen); err != nil {
			return nil, err
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	if c.webSocket != "" {
		if opts.Websocket.Host, opts.Websocket.Port, err = loopback(c.webSocket); err != nil {
			return nil, err
		}
		if opts.Websocket.Port == 0 {
			opts.Websocket.Port = server.RANDOM_PORT
		}
		opts.Websocket.NoTLS = true // nothing leaves this computer
		opts.Websocket.AllowedOrigins, opts.Websocket.SameOrigin = c.origins, len(c.origins) == 0
	}
	return opts, nil
}

// embedded is a NATS server in this process. While it is started again, connections to
// it wait.
type embedded struct {
	cfg  serverConfig
	lock *lock

	mu     sync.Mutex // held while the server is started or stopped
	server *server.Server
	health *health
}

// startServer opens a store. It may take a second per gigabyte after a crash.
func startServer(ctx context.Context, cfg serverConfig) (*embedded, error) {
	if err := os.MkdirAll(cfg.store, 0o755); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	lock, err := lockStore(cfg.store)
	if err != nil {
		return nil, err
	}
	e := &embedded{cfg: cfg, lock: lock}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.start(ctx); err != nil {
		lock.release()
		return nil, err
	}
	// One that is started again is to be found where it was.
	if e.cfg.listen != "" {
		e.cfg.listen = e.server.Addr().String()
		if err := lock.announce(e.server.ClientURL()); err != nil {
			e.halt()
			lock.release()
			return nil, fmt.Errorf("write lock file: %w", err)
		}
	}
	if e.cfg.webSocket != "" {
		e.cfg.webSocket = strings.TrimPrefix(e.server.WebsocketURL(), "ws://")
	}
	return e, nil
}

// start starts a server on the store.
func (e *embedded) start(ctx context.Context) error {
	opts, err := e.cfg.options()
	if err != nil {
		return err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	e.server, e.health = ns, newHealth(e.cfg.log)
	ns.SetLoggerV2(e.health, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		ns.Start()
	}()
	if err := e.ready(ctx, started); err != nil {
		e.halt()
		<-started
		return fmt.Errorf("open store %s: %w", e.cfg.store, err)
	}
	return nil
}

// ready waits as long as the context lets it.
func (e *embedded) ready(ctx context.Context, started chan struct{}) error {
	slow := time.NewTimer(3 * time.Second)
	defer slow.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-slow.C:
			e.cfg.log.Info("reading the store; after a crash this takes about a second per gigabyte")
		case <-started:
			waiting = false
		}
	}
	if err := e.health.fatal(); err != nil {
		return err
	}
	for !e.server.ReadyForConnections(100 * time.Millisecond) {
		if err := errors.Join(ctx.Err(), e.health.fatal()); err != nil {
			return err
		}
	}
	return nil
}

// halt stops the server, and keeps the store.
func (e *embedded) halt() {
	if e.server == nil {
		return
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.server = nil
}

// restart starts the server again. After a failed write it takes nothing until then,
// also when there is room again.
func (e *embedded) restart(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.halt()
	return e.start(ctx)
}

func (e *embedded) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.halt()
	e.lock.release()
}

// state is how the server is now.
func (e *embedded) state() *health {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.health
}

// urls are where other programs and pages can connect; "" where they cannot.
func (e *embedded) urls() (client, page string) {
	if e.cfg.listen != "" {
		client = "nats://" + e.cfg.listen
	}
	if e.cfg.webSocket != "" {
		page = "ws://" + e.cfg.webSocket
	}
	return client, page
}

// stored is how many bytes the server keeps; 0 while it is being started.
func (e *embedded) stored() uint64 {
	if !e.mu.TryLock() {
		return 0
	}
	defer e.mu.Unlock()
	if e.server == nil {
		return 0
	}
	account, err := e.server.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		return 0
	}
	return account.JetStreamUsage().Store
}

// InProcessConn is for nats.InProcessServer: it connects to the server that runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return nil, errors.New("the embedded server does not run")
	}
	return e.server.InProcessConn()
}

// health passes the log of a server on, and finds in it what the server tells nobody
// else. Its notices are details here.
type health struct {
	log  *slog.Logger
	gone atomic.Pointer[string] // the first reason for which the server gave up

	// sick ends when a write has failed: the server answers nothing about it, and
	// stores nothing any more until it is started again.
	sick context.Context
	fail context.CancelCauseFunc
}

func newHealth(log *slog.Logger) *health {
	h := &health{log: log}
	h.sick, h.fail = context.WithCancelCause(context.Background())
	return h
}

// fatal is why the server gave up; nil: it did not.
func (h *health) fatal() error {
	if text := h.gone.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

// Noticef and the others are for the server.
func (h *health) Noticef(format string, args ...any) { h.write(slog.LevelDebug, format, args) }
func (h *health) Warnf(format string, args ...any)   { h.write(slog.LevelWarn, format, args) }
func (h *health) Debugf(string, ...any)              {}
func (h *health) Tracef(string, ...any)              {}

func (h *health) Errorf(format string, args ...any) {
	// nats-server 2.15: fileStore.setWriteErr and stream.setWriteErrLocked.
	if strings.Contains(strings.ToLower(format), "critical write error") {
		h.fail(fmt.Errorf(format, args...))
	}
	h.write(slog.LevelError, format, args)
}

func (h *health) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.gone.CompareAndSwap(nil, &text)
}

func (h *health) write(level slog.Level, format string, args []any) {
	if ctx := context.Background(); h.log.Enabled(ctx, level) {
		h.log.Log(ctx, level, fmt.Sprintf(format, args...), "from", "nats-server")
	}
}
