package dial

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// trouble remembers why a connection could not be made: gRPC keeps that to itself until
// a call fails, and then as text.
type trouble struct {
	mu  sync.Mutex
	err error
}

func (t *trouble) set(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

func (t *trouble) last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// silence is how long the host may leave sent data unacknowledged: a cable that was
// pulled is noticed even when nothing is expected.
const silence = 20 * time.Second

func (t *trouble) dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / 4, Count: 3}, Control: limitSilence}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	t.set(err)
	return conn, err
}

// checked is TLS that remembers why a handshake failed.
type checked struct {
	credentials.TransportCredentials
	trouble *trouble
}

func (c *checked) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	tlsConn, info, err := c.TransportCredentials.ClientHandshake(ctx, authority, conn)
	if err != nil && c.trouble.last() == nil {
		c.trouble.set(err)
	}
	if err != nil {
		return nil, nil, err
	}
	return &noted{tlsConn, c.trouble}, info, nil
}

// noted is a connection that remembers why it ended: a server refuses a client's
// certificate only after the handshake.
type noted struct {
	net.Conn
	trouble *trouble
}

func (n *noted) Read(p []byte) (int, error) {
	k, err := n.Conn.Read(p)
	if err != nil {
		n.trouble.set(err)
	}
	return k, err
}

func (c *checked) Clone() credentials.TransportCredentials {
	return &checked{c.TransportCredentials.Clone(), c.trouble}
}
