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
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

func TestMain(m *testing.M) {
	// The server does not wait for one of its own, which ends after some seconds.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*stream).trySetupSourceConsumer.func3"))
}

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
	if h.Hub, err = Make(h.store); err != nil {
		t.Fatal(err)
	}
	ca, err := h.MakeTLS([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, "127.0.0.1:0", "127.0.0.1:0")
	if err := h.SetAddress(Address{Rigs: "tls://" + h.rigs, Clients: h.url, CA: ca}); err != nil {
		t.Fatal(err)
	}
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

func (h *testHub) config(t *testing.T, rigs, clients string) Config {
	t.Helper()
	secure, err := h.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return Config{Store: h.store, Rigs: rigs, Clients: clients, TLS: secure, Log: testLog(t)}
}

func (h *testHub) serve(t *testing.T, rigs, clients string) {
	t.Helper()
	var err error
	if h.server, err = Serve(t.Context(), h.config(t, rigs, clients)); err != nil {
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
	creds, err := h.Add(name, role)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// rig opens the store of a rig that has joined.
func (h *testHub) rig(t *testing.T, name, via string) *jetstream.Sink {
	t.Helper()
	return join(t, name, h.invite(t, name, Rig), via)
}

// join opens the new store of a rig with its invitation.
func join(t *testing.T, name string, creds []byte, via string) *jetstream.Sink {
	t.Helper()
	store := t.TempDir()
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

// The link is cut, flaps, and is down for long with a restart of the hub in between; the
// rig goes on all the time. In the end the hub has everything once, in order.
func TestBadLink(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	link := newRelay(t, h.rigs)
	rig := h.rig(t, "rig1", link.listener.Addr().String())
	put(t, rig, 0, 640)
	t.Logf("first rows after %v", h.wait(t, "rig1", 640))

	link.cut()
	put(t, rig, 640, 20_000)
	link.mend()
	t.Logf("after a cut: %v", h.wait(t, "rig1", 20_000))

	n := 20_000
	for range 5 {
		link.cut()
		put(t, rig, n, n+640)
		time.Sleep(300 * time.Millisecond)
		link.mend()
		put(t, rig, n+640, n+1280)
		time.Sleep(300 * time.Millisecond)
		n += 1280
	}
	t.Logf("after flapping: %v", h.wait(t, "rig1", n))

	link.cut()
	put(t, rig, n, n+10_000)
	h.restart(t, time.Second)
	put(t, rig, n+10_000, n+20_000)
	time.Sleep(12 * time.Second) // longer than the hub waits for a sign of life
	n += 20_000
	link.mend()
	// Live data goes on while the hub catches up.
	put(t, rig, n, n+5000)
	t.Logf("after a long outage and a restart of the hub: %v", h.wait(t, "rig1", n+5000))
}

// A rig that has lost its store begins a new one, with the invitation that it has. What
// the hub has of the old one is not mistaken for the new one's, though their numbers and
// some of their messages are the same.
func TestStoreMadeAnew(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	creds := h.invite(t, "rig1", Rig)
	old := join(t, "rig1", creds, h.rigs)
	for i := range 3 {
		put(t, old, 64*i, 64*(i+1))
	}
	h.wait(t, "rig1", 192)
	synced(t, old)
	old.Close()

	anew := join(t, "rig1", creds, h.rigs)
	put(t, anew, 128, 192) // once more
	synced(t, anew)
	if got := h.rows(t, "rig1"); got != 256 {
		t.Errorf("the hub is said to have everything, and has %d rows of 256", got)
	}
	put(t, anew, 192, 256)
	synced(t, anew)
	if got := h.rows(t, "rig1"); got != 320 {
		t.Errorf("the hub is said to have everything, and has %d rows of 320", got)
	}
}

// synced waits until a rig knows that the hub has everything, and says how long that took.
func synced(t *testing.T, rig *jetstream.Sink) time.Duration {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		progress, behind, joined := rig.Hub(t.Context())
		switch {
		case !joined:
			t.Fatal("the rig is in no hub")
		case !progress.Told.IsZero() && behind == 0:
			return time.Since(begin)
		case time.Since(begin) > time.Minute:
			t.Fatalf("the hub lacks %d messages", behind)
		}
	}
}

// rows are how many the hub has of a rig now.
func (h *testHub) rows(t *testing.T, rig string) (n int) {
	t.Helper()
	sub, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url, Credentials: h.creds, Rig: rig, End: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for {
		m, err := sub.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n += m.Batch.Len()
	}
}

// A hub that is full takes the rest when it has room; the rig keeps it until then.
func TestFullHub(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.server.Close()
	config := h.config(t, h.rigs, strings.TrimPrefix(h.url, "tls://"))
	config.StoreBytes = 2 << 20
	full, err := Serve(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(full.Close)
	rig := h.rig(t, "rig1", h.rigs)
	put(t, rig, 0, 5000) // 10 MB
	for reached := uint64(0); ; time.Sleep(200 * time.Millisecond) {
		status := full.Rigs(t.Context())
		if len(status) == 1 && status[0].Sequence > 0 && status[0].Sequence == reached {
			t.Logf("the hub stops at %+v", status[0])
			break
		}
		if len(status) == 1 {
			reached = status[0].Sequence
		}
	}
	full.Close()
	h.serve(t, h.rigs, strings.TrimPrefix(h.url, "tls://"))
	t.Logf("complete %v after there was room", h.wait(t, "rig1", 5000))
}

// A hub leaves its disk what that is to keep free. When there is room again, it goes on by
// itself.
func TestHubKeepsDiskFree(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.server.Close()
	config := h.config(t, h.rigs, strings.TrimPrefix(h.url, "tls://"))
	var free atomic.Int64 // without what the stream has
	const reserve = 1 << 30
	room := func(bytes int64) { free.Store(reserve + bytes) }
	room(0)
	var server atomic.Pointer[Server]
	stored := func() int64 {
		s := server.Load()
		if s == nil {
			return 0
		}
		stream, err := s.js.Stream(t.Context(), jetstream.Stream)
		if err != nil {
			return 0
		}
		return int64(stream.CachedInfo().State.Bytes)
	}
	space := func(string, int64) (uint64, uint64, error) { return uint64(max(free.Load()-stored(), 0)), reserve, nil }
	config.space = space
	s, err := Serve(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	server.Store(s)
	rig := h.rig(t, "rig1", h.rigs)
	put(t, rig, 0, 5000) // 10 MB
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		status, err := h.Status()
		if err == nil && strings.Contains(status.Waiting, "kept free") && len(status.Rigs) == 1 && status.Rigs[0].Connected {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", status, err)
		}
	}
	time.Sleep(3 * time.Second) // the rig is asked meanwhile
	if n := stored(); n > worth {
		t.Errorf("%d bytes are stored, and there was no room", n)
	}
	const some = 4 << 20
	room(some)
	for last, same := int64(0), 0; same < 30; time.Sleep(100 * time.Millisecond) {
		if n := stored(); n > 0 && n == last {
			same++
		} else {
			last, same = n, 0
		}
	}
	if n := stored(); n < some/2 || n > some+worth {
		t.Errorf("%d bytes are stored, and there was room for %d", n, some)
	}
	room(2 * near)
	t.Logf("complete %v after there was room", h.wait(t, "rig1", 5000))
}

// Whoever is not a member, or not any more, or not of that name, gets nothing through.
func TestOnlyMembers(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	rig := h.rig(t, "rig1", h.rigs)
	put(t, rig, 0, 64)
	h.wait(t, "rig1", 64)
	if err := h.Remove("rig1"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); h.server.connected()[jetstream.ServerName("rig1")]; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a rig that was removed is still connected")
		}
	}
	put(t, rig, 64, 128)
	time.Sleep(2 * time.Second)
	h.wait(t, "rig1", 64)

	if _, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url}); err == nil {
		t.Error("somebody without credentials reads")
	}
	stranger := newHub(t)
	if _, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url, Credentials: stranger.creds}); err == nil {
		t.Error("a member of another hub reads")
	}
	// A subscriber stores nothing.
	sub, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url, Credentials: h.creds})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := sub.Publish(t.Context(), wire.Subject{Rig: "rig1", Position: "X1", Run: "run", Kind: wire.Hit}, "text/plain", "id", nil); err == nil {
		t.Error("a subscriber stores")
	}
	// The credentials of a rig are none for a subscriber.
	creds := filepath.Join(t.TempDir(), "rig2.creds")
	if err := os.WriteFile(creds, h.invite(t, "rig2", Rig), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url, Credentials: creds}); err == nil {
		t.Error("a rig reads the vectors of others")
	}
}

// What others can reach is refused without TLS, on both sides.
func TestRefusesOpenNetworks(t *testing.T) {
	for _, cfg := range []Config{
		{Rigs: "0.0.0.0:0"}, {Rigs: ":7422"}, {Rigs: "127.0.0.1:0", Clients: "0.0.0.0:0"}, {Rigs: "hub.example:7422"},
	} {
		cfg.Store = t.TempDir()
		if _, err := Make(cfg.Store); err != nil {
			t.Fatal(err)
		}
		if s, err := Serve(t.Context(), cfg); !errors.Is(err, ErrNeedsTLS) {
			t.Errorf("%+v: %v", cfg, err)
			if err == nil {
				s.Close()
			}
		}
	}
	for _, join := range []jetstream.Join{
		{URL: "nats://hub.example:7422", Rig: "rig1"}, {URL: "tls://hub.example", Rig: "rig1"}, {URL: "http://h:1", Rig: "rig1"}, {URL: "tls://h:1", Rig: "my rig"}, {URL: "tls://h:1"},
	} {
		if err := join.Save(t.TempDir(), nil, nil); err == nil {
			t.Errorf("%+v passes", join)
		}
	}
	store := t.TempDir()
	if err := (jetstream.Join{URL: "nats://hub.example:7422", Rig: "rig1", Insecure: true}).Save(store, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := jetstream.Open(t.Context(), jetstream.Config{Store: store, Durability: jetstream.Group}); err == nil || !strings.Contains(err.Error(), "always") {
		t.Errorf("durability group in a hub: %v", err)
	}
	if err := jetstream.Leave(store); err != nil {
		t.Error(err)
	}
	if err := jetstream.Leave(store); err == nil {
		t.Error("left twice")
	}
}

// Several may invite at once, each in a process of its own: nobody is lost, who could not
// be shut out later.
func TestInvitationsAtOnce(t *testing.T) {
	store := t.TempDir()
	const processes, each = 8, 5
	var inviting sync.WaitGroup
	begin := make(chan struct{})
	for p := range processes {
		inviting.Go(func() {
			<-begin
			h, err := Make(store)
			for i := 0; i < each && err == nil; i++ {
				_, err = h.Add(fmt.Sprintf("rig%d-%d", p, i), Rig)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	inviting.Wait()
	h, err := Open(store)
	if err != nil {
		t.Fatal(err)
	}
	for p := range processes {
		for i := range each {
			if err := h.Remove(fmt.Sprintf("rig%d-%d", p, i)); err != nil {
				t.Error(err)
			}
		}
	}
}

// Only init makes a hub: a folder that was mistyped is not one, whose invitations let
// nobody in.
func TestNoHub(t *testing.T) {
	store := t.TempDir()
	if _, err := Open(store); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "hub init") {
		t.Errorf("%v", err)
	}
	if _, err := Serve(t.Context(), Config{Store: store, Rigs: "127.0.0.1:0"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(store); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	rig, err := jetstream.Open(t.Context(), jetstream.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	rig.Close()
	if _, err := Make(store); err == nil {
		t.Error("a hub is made in the store of a rig")
	}
}

func TestInvitation(t *testing.T) {
	h := newHub(t)
	creds := h.invite(t, "rig1", Rig)
	want, err := h.Address()
	if at := ParseAddress(creds); err != nil || at.Rigs != "tls://"+h.rigs || at.Clients != h.url || len(at.CA) == 0 || string(at.CA) != string(want.CA) {
		t.Errorf("%+v, %v", at, err)
	}
	for _, name := range []string{"rig1", "", "my rig", "a.b", "*"} {
		if _, err := h.Add(name, Rig); err == nil {
			t.Errorf("%q is added", name)
		}
	}
	if err := h.Remove("nobody"); err == nil {
		t.Error("somebody who is not there is removed")
	}
	members, err := h.Members()
	if err != nil || len(members) != 2 || members[1].Name != "rig1" || members[1].Role != Rig {
		t.Errorf("%+v, %v", members, err)
	}
}
