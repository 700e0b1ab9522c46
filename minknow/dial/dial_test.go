package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/internal/certs"
	"github.com/porevec/porevec/minknow/api"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a manager that knows tokens.
type host struct {
	api.UnimplementedManagerServiceServer
	tokenPath string
	token     atomic.Pointer[string] // that calls must carry; nil: none
	calls     atomic.Int64
}

func (h *host) LocalAuthenticationTokenPath(context.Context, *api.LocalAuthenticationTokenPathRequest) (*api.LocalAuthenticationTokenPathResponse, error) {
	return &api.LocalAuthenticationTokenPathResponse{Path: h.tokenPath}, nil
}

func (h *host) GetVersionInfo(ctx context.Context, _ *api.ManagerVersionRequest) (*api.GetVersionInfoResponse, error) {
	h.calls.Add(1)
	if want := h.token.Load(); want != nil {
		md, _ := metadata.FromIncomingContext(ctx)
		if got := md.Get("local-auth"); len(got) != 1 || got[0] != *want {
			return nil, status.Error(codes.Unauthenticated, "Bad metadata key")
		}
	}
	return &api.GetVersionInfoResponse{Bream: strings.Repeat("x", 30<<20)}, nil // far more than gRPC's usual limit
}

func (h *host) port(t *testing.T, config *tls.Config) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.MaxSendMsgSize(64<<20))
	api.RegisterManagerServiceServer(s, h)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener)
	}()
	t.Cleanup(func() { s.Stop(); <-done })
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

// place is a host's certificates.
type place struct {
	ca   *certs.Authority
	file string
}

func newPlace(t *testing.T) place {
	t.Helper()
	ca, err := certs.NewAuthority("test authority")
	if err != nil {
		t.Fatal(err)
	}
	p := place{ca, filepath.Join(t.TempDir(), "ca.crt")}
	p.write(t)
	return p
}

func (p place) write(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(p.file, p.ca.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p place) server(t *testing.T, l certs.Leaf) *tls.Config {
	t.Helper()
	leaf, err := p.ca.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{leaf}}
}

func version(t *testing.T, d *Dialer, port uint16) error {
	t.Helper()
	conn, err := d.Conn(t.Context(), port)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = api.NewManagerServiceClient(conn).GetVersionInfo(t.Context(), &api.ManagerVersionRequest{})
	return d.Explain(err)
}

func dialer(t *testing.T, opts Options) *Dialer {
	t.Helper()
	opts.Host = either(opts.Host, "127.0.0.1")
	d, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCertificates(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	here, elsewhere := newPlace(t), newPlace(t)
	now := time.Now()
	for _, c := range []struct {
		name   string
		config *tls.Config
		want   string // in the error; "": it works
	}{
		{"names", here.server(t, certs.Leaf{}), ""},
		{"common name alone", here.server(t, certs.Leaf{NoNames: true}), ""},
		{"another common name", here.server(t, certs.Leaf{NoNames: true, CommonName: "elsewhere"}), `it is for "elsewhere"`},
		{"another name", here.server(t, certs.Leaf{CommonName: "elsewhere"}), "is it this port?"},
		{"expired", here.server(t, certs.Leaf{From: now.AddDate(-2, 0, 0), Until: now.AddDate(-1, 0, 0)}), "check the date of this computer"},
		{"not yet valid", here.server(t, certs.Leaf{From: now.AddDate(1, 0, 0), Until: now.AddDate(2, 0, 0)}), "check the date of this computer"},
		{"of another authority", elsewhere.server(t, certs.Leaf{}), "do not belong together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{}
			err := version(t, dialer(t, Options{CA: here.file}), h.port(t, c.config))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), here.file) {
				t.Errorf("%v does not say %q and name %s", err, c.want, here.file)
			}
			if signal.ClassOf(err) != signal.Transient {
				t.Errorf("class %v", signal.ClassOf(err))
			}
		})
	}
}

// Hosts make a new authority now and then; nobody should have to restart for it.
func TestAuthorityIsReadAgain(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	old, renewed := newPlace(t), newPlace(t)
	port := (&host{}).port(t, renewed.server(t, certs.Leaf{}))
	d := dialer(t, Options{CA: old.file})
	if err := version(t, d, port); err == nil {
		t.Fatal("a certificate of another authority was accepted")
	}
	renewed.file = old.file
	renewed.write(t)
	if err := version(t, d, port); err != nil {
		t.Error(err)
	}
}

func TestWhereTheAuthorityIsSought(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	here := newPlace(t)
	port := (&host{}).port(t, here.server(t, certs.Leaf{}))
	d := dialer(t, Options{})
	if err := version(t, d, port); err == nil || !strings.Contains(err.Error(), "--ca") {
		t.Errorf("without an authority: %v", err)
	}
	t.Setenv("MINKNOW_TRUSTED_CA", here.file)
	if err := version(t, d, port); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{"no certificate": "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "x509"} {
		file := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Host: "localhost", CA: file}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := New(Options{Host: "localhost", CA: "/nowhere/ca.crt"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestClientCertificate(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	here := newPlace(t)
	config := here.server(t, certs.Leaf{})
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.ClientCAs = x509.NewCertPool()
	config.ClientCAs.AddCert(here.ca.Certificate)
	port := (&host{}).port(t, config)
	// The server's word comes after the handshake, and its end of the connection may come
	// before that is read.
	var err error
	for range 20 {
		if err = version(t, dialer(t, Options{CA: here.file}), port); err == nil || strings.Contains(err.Error(), "rpc-client-certs") {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "rpc-client-certs") {
		t.Errorf("without a certificate: %v", err)
	}
	leaf, err := here.ca.Issue(certs.Leaf{Client: true, CommonName: "porevec"})
	if err != nil {
		t.Fatal(err)
	}
	chain, key, err := certs.WritePair(t.TempDir(), "client", leaf)
	if err != nil {
		t.Fatal(err)
	}
	d := dialer(t, Options{CA: here.file, ClientCertificate: chain, ClientKey: key})
	if err := version(t, d, port); err != nil {
		t.Error(err)
	}
	if d.ManagerPort() != 9501 {
		t.Errorf("manager's port %d with a client certificate, want 9501", d.ManagerPort())
	}
	if _, err := New(Options{Host: "localhost", ClientCertificate: chain}); err == nil {
		t.Error("a certificate without its key was accepted")
	}
	if _, err := New(Options{Host: "localhost", ClientCertificate: key, ClientKey: chain}); err == nil || !strings.Contains(err.Error(), chain) {
		t.Errorf("certificate and key exchanged: %v", err)
	}
}

func TestLocalToken(t *testing.T) {
	here := newPlace(t)
	h := &host{tokenPath: filepath.Join(t.TempDir(), "token.json")}
	write := func(token string, expires time.Duration) {
		t.Helper()
		text, _ := json.Marshal(map[string]any{"token": token, "expires": time.Now().Add(expires)})
		if err := os.WriteFile(h.tokenPath, text, 0o600); err != nil {
			t.Fatal(err)
		}
		h.token.Store(&token)
	}
	write("first", time.Hour)
	port := h.port(t, here.server(t, certs.Leaf{}))
	d := dialer(t, Options{CA: here.file, ManagerPort: port})
	if err := version(t, d, port); err != nil {
		t.Fatal(err)
	}
	// A new connection looks again, and one that stands does as its token nears its end.
	write("second", time.Minute)
	conn, err := d.Conn(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, token := range []string{"second", "third", "fourth"} {
		write(token, time.Minute)
		if _, err := api.NewManagerServiceClient(conn).GetVersionInfo(t.Context(), &api.ManagerVersionRequest{}); err != nil {
			t.Errorf("%s: %v", token, err)
		}
	}
	// A file that cannot be read leaves a guest, and the server says what it thinks of
	// guests.
	if err := os.Remove(h.tokenPath); err != nil {
		t.Fatal(err)
	}
	if err := version(t, dialer(t, Options{CA: here.file, ManagerPort: port}), port); err == nil || !strings.Contains(err.Error(), "guest mode") ||
		status.Code(errors.Unwrap(errors.Unwrap(err))) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
}

func TestDeveloperToken(t *testing.T) {
	here := newPlace(t)
	h := &host{}
	token := "from the developer"
	h.token.Store(&token)
	port := h.port(t, here.server(t, certs.Leaf{}))
	if err := version(t, dialer(t, Options{CA: here.file, ManagerPort: port, Token: token}), port); err != nil {
		t.Error(err)
	}
	if err := version(t, dialer(t, Options{CA: here.file, ManagerPort: port, Token: "old"}), port); err == nil || !strings.Contains(err.Error(), "make a new one") {
		t.Errorf("with a wrong token: %v", err)
	}
}

func TestWrongPorts(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	here := newPlace(t)
	listen := func(serve func(net.Conn)) uint16 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				serve(c)
				c.Close()
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
		return uint16(l.Addr().(*net.TCPAddr).Port)
	}
	closed := listen(func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := uint16(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	plain := listen(func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_, _ = c.Read(make([]byte, 1000))
	})
	for want, port := range map[string]uint16{"is MinKNOW running": nobody, "does not speak TLS": plain, "hung up": closed} {
		err := version(t, dialer(t, Options{CA: here.file}), port)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if err := version(t, dialer(t, Options{CA: here.file, Host: "no-such-host.invalid"}), 1); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("an unknown host: %v", err)
	}
}

func TestPorts(t *testing.T) {
	if got := dialer(t, Options{}).ManagerPort(); got != 9502 {
		t.Errorf("%d", got)
	}
	t.Setenv("MINKNOW_MANAGER_TEST_PORT", "1234")
	if got := dialer(t, Options{}).ManagerPort(); got != 1234 {
		t.Errorf("%d", got)
	}
	t.Setenv("MINKNOW_MANAGER_TEST_PORT", "x")
	if _, err := New(Options{Host: "localhost"}); err == nil {
		t.Error("a port that is none was accepted")
	}
}
