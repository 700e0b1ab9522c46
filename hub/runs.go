package hub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/internal/broker"
	porestream "github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// Runs is access to what a hub holds, also to delete it.
type Runs struct {
	stream jetstream.Stream
	close  func()
}

// Runs opens what the hub holds: over the port for subscribers where another process
// serves the hub, and else with a server that runs until Close.
func (h *Hub) Runs(ctx context.Context, log *slog.Logger) (*Runs, error) {
	s, err := Serve(ctx, Config{Store: h.store, Rigs: "127.0.0.1:0", Log: log})
	var locked *broker.LockedError
	switch {
	case err == nil:
		return openRuns(ctx, s.conn, s.Close)
	case !errors.As(err, &locked):
		return nil, err
	case locked.URL == "":
		return nil, fmt.Errorf("process %d serves the hub in %s, without a port for subscribers: stop it first", locked.PID, h.store)
	}
	secure, err := h.secure()
	if err != nil {
		return nil, err
	}
	conn, err := h.connect(locked.URL, secure)
	if err != nil {
		return nil, fmt.Errorf("connect to the hub, which process %d serves at %s: %w; when it is stopped, this works without it", locked.PID, locked.URL, err)
	}
	return openRuns(ctx, conn, conn.Close)
}

func openRuns(ctx context.Context, conn *nats.Conn, end func()) (*Runs, error) {
	js, err := jetstream.New(conn)
	if err == nil {
		var stream jetstream.Stream
		if stream, err = js.Stream(ctx, porestream.Stream); err == nil {
			return &Runs{stream, end}, nil
		}
	}
	end()
	return nil, fmt.Errorf("runs of the hub: %w", err)
}

// secure is how a connection to the hub on this computer knows it.
func (h *Hub) secure() (nats.Option, error) {
	at, err := h.Address()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if clients, err := url.Parse(at.Clients); err == nil {
		config.ServerName = clients.Hostname()
	}
	if len(at.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(at.CA)
	}
	return func(o *nats.Options) error {
		o.TLSConfig = config // used where the URL or the server asks for TLS
		return nil
	}, nil
}

// here makes an address that a server listens on one that this computer can connect to.
func here(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(at.Hostname()); at.Hostname() == "" || ip != nil && ip.IsUnspecified() {
		at.Host = net.JoinHostPort("127.0.0.1", at.Port())
	}
	return at.String()
}

// Contents tells what the hub holds.
func (r *Runs) Contents(ctx context.Context) (*porestream.Contents, error) {
	contents, err := porestream.ContentsOf(ctx, r.stream)
	if err != nil {
		return nil, err
	}
	later := make(map[string]bool) // rigs of which something came later
	for i := range slices.Backward(contents.Runs) {
		run := &contents.Runs[i]
		run.Kept = run.Messages == 1 && !later[run.Rig]
		later[run.Rig] = true
	}
	return contents, nil
}

// Drop deletes a run. The last message of each rig stays: it tells how far the hub has got
// with the rig, which would send all of it once more.
func (r *Runs) Drop(ctx context.Context, run porestream.Stored) error {
	last, err := r.stream.GetLastMsgForSubject(ctx, wire.Subject{Rig: run.Rig}.Filter())
	if err != nil {
		return fmt.Errorf("drop %s: %w", run.Run, err)
	}
	// Behind the last one is nothing that could be meant.
	return porestream.DropFrom(ctx, r.stream, run, jetstream.WithPurgeSequence(last.Sequence))
}

// Close ends the access.
func (r *Runs) Close() error {
	r.close()
	return nil
}
