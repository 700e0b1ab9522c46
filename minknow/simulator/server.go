package simulator

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// server is a listener with gRPC on it, which can be taken down and put up again.
type server struct {
	address  string // to listen on
	config   *tls.Config
	options  []grpc.ServerOption
	register func(*grpc.Server)
	moved    func(port uint16) // told of the port; 0: it is down

	mu       sync.Mutex
	grpc     *grpc.Server
	listener *tracked
	serving  sync.WaitGroup
	ended    bool
}

// start listens on a port; 0: any.
func (s *server) start(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(s.address, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return l.Close()
	}
	s.listener = &tracked{Listener: l, conns: make(map[net.Conn]struct{})}
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(s.config)), grpc.MaxSendMsgSize(256 << 20), grpc.MaxRecvMsgSize(16 << 20),
	}, s.options...)...)
	s.register(s.grpc)
	g, listener := s.grpc, s.listener
	s.serving.Go(func() { _ = g.Serve(listener) }) // it ends with stop
	s.moved(uint16(l.Addr().(*net.TCPAddr).Port))
	return nil
}

// port is where it listens; 0: it is down.
func (s *server) port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return 0
	}
	return s.listener.Addr().(*net.TCPAddr).Port
}

// stop ends it for good.
func (s *server) stop() {
	s.mu.Lock()
	s.ended = true
	g := s.grpc
	s.mu.Unlock()
	if g != nil {
		g.Stop()
	}
	s.serving.Wait()
}

// reset breaks all connections.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener.reset()
}

// goAway asks clients to go, hangs up on those that stay, and serves on.
func (s *server) goAway(ctx context.Context) {
	s.mu.Lock()
	g, port := s.grpc, s.listener.Addr().(*net.TCPAddr).Port
	s.mu.Unlock()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		g.GracefulStop()
	}()
	const patience = 2 * time.Second
	sleep(ctx, patience)
	g.Stop()
	<-asked
	if err := s.start(port); err != nil {
		_ = s.start(0) // somebody took the port meanwhile
	}
}

// restart takes it down for a while, and puts it up on another port.
func (s *server) restart(ctx context.Context, down time.Duration) {
	s.mu.Lock()
	g := s.grpc
	s.mu.Unlock()
	g.Stop()
	s.moved(0)
	if sleep(ctx, down) {
		_ = s.start(0) // any free port
	}
}

// tracked is a listener that knows its connections.
type tracked struct {
	net.Listener
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func (t *tracked) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[c] = struct{}{}
	return &trackedConn{c, t}, nil
}

func (t *tracked) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not a goodbye
		}
		_ = c.Close()
	}
}

type trackedConn struct {
	net.Conn
	t *tracked
}

func (c *trackedConn) Close() error {
	c.t.mu.Lock()
	delete(c.t.conns, c.Conn)
	c.t.mu.Unlock()
	return c.Conn.Close()
}
