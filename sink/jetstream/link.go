package jetstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/sink/wire"
)

// Stream is the name of the stream.
const Stream = "POREVEC"

// dedupWindow is how long the server remembers message ids. Exactly once does
// not rest on it; hubs that gather streams profit from it.
const dedupWindow = time.Hour

// link is a connection to a server and its stream.
type link struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	server *embedded // nil: external
}

// dial connects to an external server.
func dial(url, credentials string, log *slog.Logger, more ...nats.Option) (*link, error) {
	opts := append(options(log), more...)
	if credentials != "" {
		opts = append(opts, nats.UserCredentials(credentials))
		// The invitation of a hub has the hub's certificate in it.
		text, err := os.ReadFile(credentials)
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		if authorities := x509.NewCertPool(); authorities.AppendCertsFromPEM(text) {
			opts = append(opts, nats.Secure(&tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}))
		}
	}
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w; is the server running, and does it let you in?", url, err)
	}
	return newLink(conn, nil)
}

// embed runs a server in this process and connects to it.
func embed(ctx context.Context, cfg serverConfig) (*link, error) {
	server, err := startServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect("", append(options(cfg.log), nats.InProcessServer(server), nats.ReconnectWait(firstPause), nats.ReconnectJitter(0, 0))...)
	if err != nil {
		server.Stop()
		return nil, fmt.Errorf("connect to the embedded server: %w", err)
	}
	return newLink(conn, server)
}

func newLink(conn *nats.Conn, server *embedded) (*link, error) {
	js, err := jetstream.New(conn)
	l := &link{conn: conn, js: js, server: server}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return l, nil
}

func options(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("porevec"),
		nats.Timeout(10 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1), // fail at once while disconnected; retrying is ours
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS connection lost, trying again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("NATS connection is back", "server", c.ConnectedUrlRedacted()) }),
	}
}

// openStream finds the stream or makes it. With keep, the settings of one that
// exists stay as they are. Without, they become ours, which also takes up blocks
// whose settings a power cut left unwritten.
func (l *link) openStream(ctx context.Context, keep bool, maxBytes int64) error {
	if keep {
		stream, err := l.js.Stream(ctx, Stream)
		switch {
		case err == nil && l.server != nil:
			return l.takeAlerts(ctx, stream.CachedInfo().Config)
		case err == nil:
			l.stream = stream
			return nil
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("find stream %s: %w", Stream, err)
		}
	}
	if maxBytes == 0 {
		maxBytes = -1
	}
	stream, err := l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        Stream,
		Description: "porevec: embeddings of nanopore signal",
		Subjects:    subjects(),
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    maxBytes,
		Duplicates:  dedupWindow,
	})
	if err != nil {
		return fmt.Errorf("make stream %s: %w", Stream, err)
	}
	l.stream = stream
	return nil
}

// subjects are those that the stream stores.
func subjects() []string {
	var list []string
	for _, kind := range []string{wire.Emb, wire.Read, wire.Hit, wire.Alert} {
		list = append(list, wire.Subject{Kind: kind}.Filter())
	}
	return list
}

// takeAlerts keeps a stream of ours as it is, but for the subjects: an older
// porevec made it without those of alerts.
func (l *link) takeAlerts(ctx context.Context, cfg jetstream.StreamConfig) error {
	cfg.Subjects = subjects()
	stream, err := l.js.UpdateStream(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", Stream, err)
	}
	l.stream = stream
	return nil
}

func (l *link) close() {
	l.conn.Close()
	if l.server != nil {
		l.server.Stop()
	}
}
