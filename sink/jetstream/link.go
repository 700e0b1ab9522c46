package jetstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
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

const slowestReconnect = 2 * time.Second

// link is a connection to a server and its stream.
type link struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	server *embedded // nil: external

	standing atomic.Pointer[standing]
}

// standing is a connection while it stands: its context ends with it.
type standing struct {
	ctx context.Context
	end context.CancelCauseFunc
}

// dial connects to an external server.
func dial(url, credentials string, log *slog.Logger, more ...nats.Option) (*link, error) {
	if credentials != "" {
		more = append(more, nats.UserCredentials(credentials))
		// The invitation of a hub has the hub's certificate in it.
		text, err := os.ReadFile(credentials)
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		if authorities := x509.NewCertPool(); authorities.AppendCertsFromPEM(text) {
			more = append(more, nats.Secure(&tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}))
		}
	}
	l := &link{}
	if err := l.connect(url, log, more...); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w; is the server running, and does it let you in?", url, err)
	}
	return l, nil
}

// embed runs a server in this process and connects to it.
func embed(ctx context.Context, cfg serverConfig) (*link, error) {
	server, err := startServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l := &link{server: server}
	if err := l.connect("", cfg.log, nats.InProcessServer(server)); err != nil {
		server.Stop()
		return nil, fmt.Errorf("connect to the embedded server: %w", err)
	}
	return l, nil
}

// connect connects, and again whenever the connection is lost.
func (l *link) connect(url string, log *slog.Logger, more ...nats.Option) error {
	l.begin()
	conn, err := nats.Connect(url, append([]nats.Option{
		nats.Name("porevec"),
		nats.Timeout(10 * time.Second),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.ReconnectBufSize(-1), // fail at once while disconnected; retrying is ours
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			l.begin()
			if err != nil {
				log.Warn("NATS connection lost, trying again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("NATS connection is back", "server", c.ConnectedUrlRedacted()) }),
	}, more...)...)
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return fmt.Errorf("use JetStream: %w", err)
	}
	l.conn, l.js = conn, js
	return nil
}

// begin begins another connection. What was asked over the one before stays unanswered.
func (l *link) begin() {
	ctx, end := context.WithCancelCause(context.Background())
	if before := l.standing.Swap(&standing{ctx, end}); before != nil {
		before.end(errLost)
	}
}

var (
	errAway   = errors.New("there is no connection to the server")
	errLost   = errors.New("the connection to the server was lost")
	errSilent = fmt.Errorf("the server has not answered for %v", ackTimeout)
)

// listening gives a context for a question to the server: it ends when no answer will
// come, since the connection was lost or the server in this process is sick.
func (l *link) listening(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	deaf := []context.Context{l.standing.Load().ctx}
	if l.server != nil {
		deaf = append(deaf, l.server.Sick())
	}
	var stops []func() bool
	for _, d := range deaf {
		stops = append(stops, context.AfterFunc(d, func() { end(context.Cause(d)) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		end(nil)
	}
}

// attention is listening for as long as the server is given to answer.
func (l *link) attention(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, forget := l.listening(ctx)
	ctx, cancel := context.WithTimeoutCause(ctx, ackTimeout, errSilent)
	return ctx, func() { cancel(); forget() }
}

// reconnectDelay is the pause before a lost connection is tried again: a server that was
// restarted is found at once, and one that stays away is not pestered. A random half keeps
// many clients apart.
func reconnectDelay(tries int) time.Duration {
	longest := min(time.Duration(tries)*firstPause, slowestReconnect)
	return longest/2 + rand.N(longest/2)
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
