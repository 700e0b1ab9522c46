package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/porevec/porevec/internal/broker"
	porestream "github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// Config says how a hub is served.
type Config struct {
	Store   string // folder of the stream and of the hub's identity
	Rigs    string // address that rigs connect to, host:port; port 0 takes any
	Clients string // address that subscribers connect to; "" is none
	// TLS is needed where an address is not loopback.
	TLS        *tls.Config
	StoreBytes int64 // most that the stream may take; 0: what the disk has
	MinFree    int64 // what the disk keeps free, in bytes; 0 is 2 GiB, or 5 % of a smaller disk
	Log        *slog.Logger

	space func(store string, least int64) (free, reserve uint64, err error) // nil: broker.Space
}

// Domain is the JetStream domain of a hub.
const Domain = "hub"

// Server is a hub that runs.
type Server struct {
	cfg    Config
	hub    *Hub
	broker *broker.Broker
	conn   *nats.Conn
	js     jetstream.JetStream
	cancel context.CancelFunc
	ended  sync.WaitGroup

	up      map[string]bool      // who was connected a second ago; of follow
	woken   map[string]time.Time // when a rig was asked out of turn; of follow
	limit   int64                // of the stream's bytes, 0: none; of follow
	waiting string               // why nothing is taken just now, "": it is; of follow
	mu      sync.Mutex
	members []Member
}

// Serve starts a hub. Members that are added or removed later are taken up within a
// second.
func Serve(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.space == nil {
		cfg.space = broker.Space
	}
	h, err := Open(cfg.Store)
	if err != nil {
		return nil, err
	}
	b, err := broker.Start(ctx, cfg.Store, func() (*server.Options, error) { return options(cfg, h) }, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("serve hub: %w", err)
	}
	s := &Server{cfg: cfg, hub: h, broker: b, up: make(map[string]bool), woken: make(map[string]time.Time)}
	if err := s.begin(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("serve hub: %w", err)
	}
	ctx, s.cancel = context.WithCancel(context.Background())
	s.ended.Go(func() { s.follow(ctx) })
	return s, nil
}

// begin connects to the server, makes its stream what it is to be, and tells others on this
// computer where it is.
func (s *Server) begin(ctx context.Context) (err error) {
	if s.conn, err = s.hub.connect("", nats.InProcessServer(s.broker), nats.MaxReconnects(-1)); err != nil {
		return err
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return err
	}
	if s.limit, _, err = s.fits(ctx); err != nil {
		return err
	}
	if err := s.update(ctx); err != nil {
		return err
	}
	if _, clients := s.Addresses(); clients != "" {
		return s.broker.Announce(here(clients))
	}
	return nil
}

// options are those of the server.
func options(cfg Config, h *Hub) (*server.Options, error) {
	operator, err := h.id.operatorClaims()
	if err != nil {
		return nil, err
	}
	resolver, err := resolver(h)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName:      "porevec-hub",
		DontListen:      cfg.Clients == "",
		JetStreamDomain: Domain,
		SyncAlways:      true,
		// Answers to the hub's requests come on $JSC.R.RIG.>: on $JSC.R.> any rig could answer
		// for any other.
		FeatureFlags:     map[string]bool{server.FeatureFlagJsAPIReplyFormatV2: true},
		TrustedOperators: []*jwt.OperatorClaims{operator},
		SystemAccount:    public(h.id.system),
		AccountResolver:  resolver,
	}
	if opts.LeafNode.Host, opts.LeafNode.Port, err = listener(cfg.Rigs, cfg.TLS); err != nil {
		return nil, fmt.Errorf("rigs: %w", err)
	}
	// Rigs reach the hub through tunnels and NAT, under the address that they know.
	opts.LeafNode.NoAdvertise = true
	opts.LeafNode.TLSConfig, opts.LeafNode.TLSTimeout = cfg.TLS, 10
	if cfg.Clients != "" {
		if opts.Host, opts.Port, err = listener(cfg.Clients, cfg.TLS); err != nil {
			return nil, fmt.Errorf("subscribers: %w", err)
		}
		opts.TLSConfig, opts.TLSTimeout = cfg.TLS, 10
		opts.TLS = cfg.TLS != nil
	}
	return opts, nil
}

// ErrNeedsTLS says that a listener would send keys and vectors in the clear.
var ErrNeedsTLS = errors.New("other computers can reach this address, so it needs TLS: name a certificate and its key, or listen on loopback")

// listener splits an address, and refuses one that others could listen in to.
func listener(address string, tls *tls.Config) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("listen on %q: say HOST:PORT, such as 0.0.0.0:7422", address)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("listen on %q: %q is not a port", address, text)
	}
	if ip := net.ParseIP(host); tls == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("listen on %q: %w", address, ErrNeedsTLS)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// resolver holds the accounts as they are now.
func resolver(h *Hub) (*server.MemAccResolver, error) {
	members, err := h.Members()
	if err != nil {
		return nil, err
	}
	system, err := h.id.systemJWT()
	if err != nil {
		return nil, err
	}
	account, err := h.id.accountJWT(removed(members))
	if err != nil {
		return nil, err
	}
	r := &server.MemAccResolver{}
	return r, errors.Join(r.Store(public(h.id.system), system), r.Store(public(h.id.account), account))
}

func removed(members []Member) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.Removed.IsZero() })
}

// connect makes a connection of the hub's own, which may do everything.
func (h *Hub) connect(url string, more ...nats.Option) (*nats.Conn, error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	creds, err := h.id.credentials(key, "hub", local)
	if err != nil {
		return nil, err
	}
	token, err := nkeys.ParseDecoratedJWT(creds)
	if err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, err
	}
	return nats.Connect(url, append(more, nats.Name("porevec hub"), nats.UserJWTAndSeed(token, string(seed)))...)
}

// update takes up the members as they are now.
func (s *Server) update(ctx context.Context) error {
	members, err := s.hub.Members()
	if err != nil {
		return err
	}
	text, err := s.hub.id.accountJWT(removed(members))
	if err != nil {
		return err
	}
	ns := s.broker.Server()
	if ns == nil {
		return errors.New("the server is being started")
	}
	account, err := ns.LookupAccount(public(s.hub.id.account))
	if err != nil {
		return err
	}
	claims, err := jwt.DecodeAccountClaims(text)
	if err != nil {
		return err
	}
	if err := ns.AccountResolver().Store(public(s.hub.id.account), text); err != nil {
		return err
	}
	ns.UpdateAccountClaims(account, claims)

	if err := s.source(ctx, members, ""); err != nil {
		return err
	}
	s.mu.Lock()
	s.members = members
	s.mu.Unlock()
	return nil
}

// current are the members that were taken up last.
func (s *Server) current() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

// source makes the stream take from all rigs but one; "" is from all.
func (s *Server) source(ctx context.Context, members []Member, except string) error {
	var sources []*jetstream.StreamSource
	for _, m := range members {
		known := slices.ContainsFunc(sources, func(o *jetstream.StreamSource) bool { return o.External.APIPrefix == apiPrefix(m.Name) })
		if m.Role == Rig && m.Name != except && !known {
			sources = append(sources, &jetstream.StreamSource{
				Name: porestream.Stream,
				// A filter would not do: who has a rig's key decides what it sends.
				SubjectTransforms: []jetstream.SubjectTransformConfig{underName(m.Name)},
				External:          &jetstream.ExternalStream{APIPrefix: apiPrefix(m.Name), DeliverPrefix: syncPrefix(m.Name)},
			})
		}
	}
	limit := s.limit
	if limit == 0 {
		limit = -1
	}
	if _, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        porestream.Stream,
		Description: "porevec: embeddings of the rigs of this hub",
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    limit,
		// No window for duplicates: sources have none, by their sequences. What a rig whose
		// store was made anew sends once more would be passed over, and never reach it.
		Sources: sources,
	}); err != nil {
		return fmt.Errorf("update stream: %w", err)
	}
	return nil
}

// underName puts whatever a rig sends under its own name.
func underName(rig string) jetstream.SubjectTransformConfig {
	everything := wire.Subject{}.Filter()
	return jetstream.SubjectTransformConfig{Source: everything, Destination: strings.Replace(everything, "*.*.*.*", rig+".$2.$3.$4", 1)}
}

// Of a rig that comes back, the server would ask only after a pause that grows to two
// minutes while it is away, which a short visit to a network may not last.
const (
	silent    = 12 * time.Second // a source that works says something every few seconds
	wakeAgain = 15 * time.Second
)

// wake makes the stream ask connected rigs at once that have been silent, by taking
// their source away and giving it back. It goes on behind the last message that came.
func (s *Server) wake(ctx context.Context, rigs []RigStatus) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := s.js.Stream(ctx, porestream.Stream)
	if err != nil {
		return
	}
	active := make(map[string]time.Duration)
	for _, source := range stream.CachedInfo().Sources {
		if source.External != nil {
			active[source.External.APIPrefix] = source.Active
		}
	}
	for _, rig := range rigs {
		since, known := active[apiPrefix(rig.Name)]
		if !known || !rig.Connected || since >= 0 && since < silent || time.Since(s.woken[rig.Name]) < wakeAgain {
			continue
		}
		s.woken[rig.Name] = time.Now()
		members := s.current()
		if err := errors.Join(s.source(ctx, members, rig.Name), s.source(ctx, members, "")); err != nil {
			s.cfg.Log.Warn("a rig that has come back could not be asked", "rig", rig.Name, "error", err)
		}
	}
}

func apiPrefix(rig string) string { return "$JS." + rig + ".API" }

// follow takes up changes of the members, and tells rigs how far the hub has got.
func (s *Server) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var seen os.FileInfo // two changes may have the same time, but they are two files
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if info, err := os.Stat(s.hub.membersFile()); err == nil && (seen == nil || !os.SameFile(info, seen) || !info.ModTime().Equal(seen.ModTime())) {
			if err := s.update(ctx); err != nil {
				s.cfg.Log.Error("the members of the hub could not be taken up", "error", err)
			} else {
				seen = info
			}
		}
		s.keepFree(ctx)
		rigs := s.Rigs(ctx)
		s.tell(rigs)
		s.wake(ctx, rigs)
		s.heal(ctx)
	}
}

// heal starts the server again when its disk was full and has room.
func (s *Server) heal(ctx context.Context) {
	cause := context.Cause(s.broker.Sick())
	if cause == nil {
		return
	}
	const enough = 64 << 20
	if _, free, err := broker.DiskSpace(s.cfg.Store); err == nil && free < enough {
		return
	}
	s.cfg.Log.Warn("the hub's server is started again, because a write has failed", "store", s.cfg.Store, "error", cause)
	if err := s.broker.Restart(ctx); err != nil {
		s.cfg.Log.Error("the hub's server does not start", "error", err)
	}
}

// Addresses are where the hub listens.
func (s *Server) Addresses() (rigs, clients string) {
	scheme := "nats://"
	if s.cfg.TLS != nil {
		scheme = "tls://"
	}
	ns := s.broker.Server()
	if ns == nil {
		return "", ""
	}
	if v, err := ns.Varz(nil); err == nil {
		host, _, _ := net.SplitHostPort(s.cfg.Rigs)
		rigs = scheme + net.JoinHostPort(host, strconv.Itoa(v.LeafNode.Port))
	}
	if at, err := url.Parse(ns.ClientURL()); err == nil && s.cfg.Clients != "" {
		host, _, _ := net.SplitHostPort(s.cfg.Clients)
		clients = scheme + net.JoinHostPort(host, at.Port())
	}
	return rigs, clients
}

// Close ends the hub.
func (s *Server) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.ended.Wait()
	if s.conn != nil {
		s.conn.Close()
	}
	s.broker.Stop()
}
