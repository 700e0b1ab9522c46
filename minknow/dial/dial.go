package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
)

// Options say how to connect to a host. Empty fields mean MinKNOW's own defaults,
// environment variables included.
type Options struct {
	Host string // name or address
	// CA is the file of the authority that signed the host's certificate; "" looks
	// where MinKNOW puts it.
	CA string
	// Token is a developer's token.
	Token string
	// ClientCertificate and ClientKey are PEM files.
	ClientCertificate, ClientKey string
	// ManagerPort is where the host's manager listens; 0: 9501 with a client
	// certificate, else 9502.
	ManagerPort uint16
	Log         *slog.Logger
}

// Dialer connects to the ports of one host. It may be used from several goroutines.
type Dialer struct {
	opts   Options
	client *tls.Certificate
	tokens *tokens
}

const (
	// mostReceived is a message of 3000 channels with 4000 calibrated samples each,
	// twice.
	mostReceived = 128 << 20
	// Larger windows than HTTP/2's usual 64 kB make a long stream half as fast again.
	windowBytes = 4 << 20
	// connectTime is how long a connection may take to stand.
	connectTime = 10 * time.Second
)

// New checks the options and reads the client certificate. It connects to nothing.
func New(opts Options) (*Dialer, error) {
	if opts.Host == "" {
		return nil, errors.New("no host is given")
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dialer{opts: opts}
	if opts.CA != "" {
		if _, err := readAuthority(opts.CA); err != nil {
			return nil, err
		}
	}
	chain, key := either(opts.ClientCertificate, os.Getenv("MINKNOW_API_CLIENT_CERTIFICATE_CHAIN")), either(opts.ClientKey, os.Getenv("MINKNOW_API_CLIENT_KEY"))
	if chain != "" || key != "" {
		if chain == "" || key == "" {
			return nil, errors.New("a client certificate needs its key, and a key its certificate: name both")
		}
		pair, err := tls.LoadX509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w (both must be PEM, the key without a passphrase)", chain, key, err)
		}
		d.client = &pair
	}
	if d.opts.ManagerPort == 0 {
		port, err := d.defaultPort()
		if err != nil {
			return nil, err
		}
		d.opts.ManagerPort = port
	}
	d.tokens = newTokens(d)
	return d, nil
}

func (d *Dialer) defaultPort() (uint16, error) {
	const name = "MINKNOW_MANAGER_TEST_PORT"
	if text := os.Getenv(name); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return 0, fmt.Errorf("%s=%q is not a port", name, text)
		}
		return uint16(port), nil
	}
	if d.client != nil {
		return 9501, nil
	}
	return 9502, nil
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// ManagerPort is where the host's manager listens.
func (d *Dialer) ManagerPort() uint16 { return d.opts.ManagerPort }

// Conn connects to a port of the host and returns when the connection stands. Its
// errors are explained.
func (d *Dialer) Conn(ctx context.Context, port uint16) (*grpc.ClientConn, error) {
	d.tokens.readAgain() // the last connection may have ended because the token had
	conn, trouble, err := d.connect(port, d.tokens.header(port == d.opts.ManagerPort))
	if err != nil {
		return nil, d.Explain(err)
	}
	if err := stand(ctx, conn, trouble); err != nil {
		return nil, errors.Join(d.Explain(fmt.Errorf("port %d: %w", port, err)), conn.Close())
	}
	return conn, nil
}

// connect makes a connection that has not begun to connect.
func (d *Dialer) connect(port uint16, who credentials.PerRPCCredentials) (*grpc.ClientConn, *trouble, error) {
	t := &trouble{}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(&checked{TransportCredentials: credentials.NewTLS(d.tlsConfig(t)), trouble: t}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostReceived)),
		grpc.WithInitialWindowSize(windowBytes), grpc.WithInitialConnWindowSize(windowBytes),
		grpc.WithNoProxy(), // proxies are for the internet, not for the sequencer beside us
		grpc.WithContextDialer(t.dial),
		// No keepalive pings: MinKNOW's servers hang up on a client that pings an idle
		// connection more often than every five minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 500 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 10 * time.Second},
			MinConnectTimeout: connectTime,
		}),
	}
	if who != nil {
		options = append(options, grpc.WithPerRPCCredentials(who))
	}
	address := net.JoinHostPort(d.opts.Host, strconv.Itoa(int(port)))
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	return conn, t, err
}

// stand waits until the connection stands, or its first try failed.
func stand(ctx context.Context, conn *grpc.ClientConn, t *trouble) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn.Connect()
	for {
		switch state := conn.GetState(); state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			if err := t.last(); err != nil {
				return err
			}
			return errors.New("the connection could not be made")
		default:
			if !conn.WaitForStateChange(ctx, state) {
				return errors.Join(ctx.Err(), t.last())
			}
		}
	}
}
