package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var recipe = &signal.Recipe{
	ModelID: "model@v1", ModelDigest: strings.Repeat("0123456789abcdef", 4), Normalization: "pa",
	Window: 4096, Hop: 4096, Dim: 512, DType: wire.Float32, Version: "test",
}

// relay is a link that can be cut.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	to       string
	down     bool
	conns    map[net.Conn]bool
	wg       sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to, conns: make(map[net.Conn]bool)}
	r.wg.Go(r.serve)
	t.Cleanup(func() {
		l.Close()
		r.cut()
		r.wg.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		to, down := r.to, r.down
		r.mu.Unlock()
		out, err := net.Dial("tcp", to)
		if down || err != nil {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		r.mu.Lock()
		r.conns[in], r.conns[out] = true, true
		r.mu.Unlock()
		r.wg.Go(func() { _, _ = io.Copy(in, out); in.Close(); out.Close() })
		r.wg.Go(func() { _, _ = io.Copy(out, in); in.Close(); out.Close() })
	}
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = true
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = false
}

// testHub is a hub with TLS on loopback.
type testHub struct {
	*Hub
	store  string
	server *Server
	rigs   string // host:port
	url    string // of subscribers
	creds  string // file of a subscriber
}

func newHub(t *testing.T) *testHub {
	t.Helper()
	h := &testHub{store: t.TempDir()}
	var err error
	if h.Hub, err = Open(h.store); err != nil {
		t.Fatal(err)
	}
	if err := h.MakeTLS([]string{"localhost"}); err != nil {
		t.Fatal(err)
	}
	h.serve(t, "127.0.0.1:0", "127.0.0.1:0")
	h.creds = filepath.Join(t.TempDir(), "reader.creds")
	if err := os.WriteFile(h.creds, h.invite(t, "reader", Subscriber), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func testLog(t *testing.T) *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return slog.New(slog.DiscardHandler)
}

func (h *testHub) serve(t *testing.T, rigs, clients string) {
	t.Helper()
	config, err := h.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if h.server, err = Serve(t.Context(), Config{Store: h.store, Rigs: rigs, Clients: clients, TLS: config, Log: testLog(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.server.Close)
	rigs, h.url = h.server.Addresses()
	at, err := url.Parse(rigs)
	if err != nil {
		t.Fatal(err)
	}
	h.rigs = at.Host
}

// restart stops the hub for a while.
func (h *testHub) restart(t *testing.T, pause time.Duration) {
	t.Helper()
	h.server.Close()
	time.Sleep(pause)
	h.serve(t, h.rigs, strings.TrimPrefix(h.url, "tls://"))
}

func (h *testHub) invite(t *testing.T, name string, role Role) []byte {
	t.Helper()
	ca, err := h.CA()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := h.Add(name, role, Address{Rigs: "tls://" + h.rigs, Clients: h.url, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// rig opens the store of a rig that has joined.
func (h *testHub) rig(t *testing.T, name, via string) *jetstream.Sink {
	t.Helper()
	store := t.TempDir()
	creds := h.invite(t, name, Rig)
	_, port, _ := net.SplitHostPort(via)
	join := jetstream.Join{URL: "tls://localhost:" + port, Rig: name}
	if err := join.Save(store, creds, ParseAddress(creds).CA); err != nil {
		t.Fatal(err)
	}
	s, err := jetstream.Open(t.Context(), jetstream.Config{Store: store, Rig: name, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// put stores rows [from, to) of a rig's run, 2 kB each.
func put(t *testing.T, s *jetstream.Sink, from, to int) {
	t.Helper()
	run := &signal.Run{AcquisitionID: "run", Position: "X1", SampleRateHz: 5000}
	for ; from < to; from += 64 {
		e := &signal.Embedded{Recipe: recipe, Dim: recipe.Dim}
		for i := from; i < min(from+64, to); i++ {
			read := &signal.Read{Run: run, Channel: 1, Origin: signal.Origin{Source: "a.pod5", Ordinal: uint64(i)}}
			copy(read.ID[:], fmt.Sprintf("%016d", i))
			e.Chunks = append(e.Chunks, signal.Chunk{Read: read, Samples: 4096})
			vector := make([]float32, recipe.Dim)
			vector[0] = float32(i)
			e.Vectors = append(e.Vectors, vector...)
		}
		if err := s.Put(t.Context(), e, func(err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wait waits until a subscriber of the hub has got rows [0, n) of a rig, in order, once
// each, and says how long that took.
func (h *testHub) wait(t *testing.T, rig string, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sub, err := jetstream.Subscribe(ctx, jetstream.SubscribeConfig{URL: h.url, Credentials: h.creds, Rig: rig})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for i := 0; i < n; {
		m, err := sub.Next(ctx)
		if err != nil {
			t.Fatalf("the hub has %d of %d rows of %s: %v", i, n, rig, err)
		}
		for r := range m.Batch.Len() {
			if got := m.Batch.Row(r).Vector[0]; got != float32(i) || m.Subject.Rig != rig {
				t.Fatalf("row %d of %s is %v of %s", i, rig, got, m.Subject.Rig)
			}
			i++
		}
	}
	took := time.Since(begin)
	// Nothing comes behind.
	quiet, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if m, err := sub.Next(quiet); err == nil {
		t.Fatalf("%d more rows of %s", m.Batch.Len(), rig)
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return took
}

func TestRigsToHub(t *testing.T) {
	h := newHub(t)
	one, two := h.rig(t, "rig1", h.rigs), h.rig(t, "rig-2", h.rigs)
	put(t, one, 0, 1000)
	put(t, two, 0, 500)
	t.Logf("rig1 complete after %v", h.wait(t, "rig1", 1000))
	t.Logf("rig-2 complete after %v", h.wait(t, "rig-2", 500))
	put(t, one, 1000, 1500)
	t.Logf("rig1 complete again after %v", h.wait(t, "rig1", 1500))
}
