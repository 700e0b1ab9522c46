package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is a NATS server in this process.
type embedded struct {
	server *server.Server
	lock   *lock
}

// serverConfig is what a server in this process is started with.
type serverConfig struct {
	store             string
	listen, webSocket string // "" is no listener
	origins           []string
	log               *slog.Logger
}

// startServer opens a store. It may take a second per gigabyte after a crash.
func startServer(ctx context.Context, cfg serverConfig) (*embedded, error) {
	store, listen, log := cfg.store, cfg.listen, cfg.log
	if err := os.MkdirAll(store, 0o755); err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	lock, err := lockStore(store)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "porevec",
		DontListen: listen == "",
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   store,
		SyncAlways: true,
		// By itself the server would take a part of what the disk has free today,
		// which the store may have outgrown at the next start.
		JetStreamMaxStore: math.MaxInt64,
	}
	if listen != "" {
		if opts.Host, opts.Port, err = loopback(listen); err != nil {
			lock.release()
			return nil, err
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	if cfg.webSocket != "" {
		if opts.Websocket.Host, opts.Websocket.Port, err = loopback(cfg.webSocket); err != nil {
			lock.release()
			return nil, err
		}
		if opts.Websocket.Port == 0 {
			opts.Websocket.Port = server.RANDOM_PORT
		}
		opts.Websocket.NoTLS = true // nothing leaves this computer
		opts.Websocket.AllowedOrigins, opts.Websocket.SameOrigin = cfg.origins, len(cfg.origins) == 0
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		lock.release()
		return nil, fmt.Errorf("start server: %w", err)
	}
	logger := &serverLog{log: log}
	ns.SetLoggerV2(logger, false, false, false)
	e := &embedded{server: ns, lock: lock}
	started := make(chan struct{})
	go func() {
		defer close(started)
		ns.Start()
	}()
	if err := e.ready(ctx, logger, log, started); err != nil {
		e.stop()
		<-started
		return nil, fmt.Errorf("open store %s: %w", store, err)
	}
	if listen != "" {
		if err := lock.announce(ns.ClientURL()); err != nil {
			e.stop()
			return nil, fmt.Errorf("write lock file: %w", err)
		}
	}
	return e, nil
}

// ready waits as long as the context lets it.
func (e *embedded) ready(ctx context.Context, logger *serverLog, log *slog.Logger, started chan struct{}) error {
	slow := time.NewTimer(3 * time.Second)
	defer slow.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-slow.C:
			log.Info("reading the store; after a crash this takes about a second per gigabyte")
		case <-started:
			waiting = false
		}
	}
	if text := logger.fatal.Load(); text != nil {
		return errors.New(*text)
	}
	for !e.server.ReadyForConnections(100 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if text := logger.fatal.Load(); text != nil {
			return errors.New(*text)
		}
	}
	return nil
}

func (e *embedded) stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.lock.release()
}

// serverLog passes the server's log on. Its notices are details here.
type serverLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string] // the first reason for which the server gave up
}

func (l *serverLog) Noticef(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l *serverLog) Warnf(format string, args ...any)   { l.write(slog.LevelWarn, format, args) }
func (l *serverLog) Errorf(format string, args ...any)  { l.write(slog.LevelError, format, args) }
func (l *serverLog) Debugf(string, ...any)              {}
func (l *serverLog) Tracef(string, ...any)              {}

func (l *serverLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.fatal.CompareAndSwap(nil, &text)
}

func (l *serverLog) write(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, fmt.Sprintf(format, args...), "from", "nats-server")
	}
}
