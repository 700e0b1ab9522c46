package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/porevec/porevec/internal/broker"
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
	opts := &server.Options{ServerName: "porevec", DontListen: c.listen == "", SyncAlways: c.durability != Group}
	join, err := LoadJoin(c.store)
	if err != nil {
		return nil, fmt.Errorf("membership in a hub: %w", err)
	}
	if join != nil {
		if c.durability == Group {
			// The rig would use the numbers of messages that a power cut takes for others, and
			// the hub, which has the lost ones, would never ask for those.
			return nil, fmt.Errorf("store %s is in a hub, which needs --durability %s", c.store, Always)
		}
		if err := join.apply(opts); err != nil {
			return nil, fmt.Errorf("membership in a hub: %w", err)
		}
	}
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

// embedded is a server of ours, and where it can be found.
type embedded struct {
	*broker.Broker
	cfg serverConfig
}

// startServer opens a store. It may take a second per gigabyte after a crash.
func startServer(ctx context.Context, cfg serverConfig) (*embedded, error) {
	if err := noHub(cfg.store); err != nil {
		return nil, err
	}
	e := &embedded{cfg: cfg}
	var err error
	if e.Broker, err = broker.Start(ctx, cfg.store, e.cfg.options, cfg.log); err != nil {
		return nil, err
	}
	// One that is started again is to be found where it was.
	ns := e.Server()
	if cfg.listen != "" {
		e.cfg.listen = ns.Addr().String()
		if err := e.Announce(ns.ClientURL()); err != nil {
			e.Stop()
			return nil, fmt.Errorf("write lock file: %w", err)
		}
	}
	if cfg.webSocket != "" {
		e.cfg.webSocket = strings.TrimPrefix(ns.WebsocketURL(), "ws://")
	}
	return e, nil
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
	ns := e.Server()
	if ns == nil {
		return 0
	}
	account, err := ns.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT)
	if err != nil {
		return 0
	}
	return account.JetStreamUsage().Store
}
