package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/internal/broker"
)

// A server that goes away and comes back costs nothing but time.
func TestServerRestarts(t *testing.T) {
	store := t.TempDir()
	server, err := startServer(t.Context(), serverConfig{store: store, listen: "127.0.0.1:0", log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	address := server.Server().Addr().String()
	s := open(t, Config{URL: "nats://" + address, MaxBytes: 1 << 10})
	chunks := reads(testRun("run"), "a.pod5", 0, 100, 3)
	put(t, s, testRecipe, chunks[:100], 10, new(settled).done)
	asked, forget := s.link.attention(t.Context())
	defer forget()
	server.Stop()
	<-asked.Done() // long before the time for an answer is over
	if err := context.Cause(asked); !errors.Is(err, errLost) {
		t.Errorf("the question ended with %v", err)
	}
	back := make(chan struct{})
	go func() {
		s.pause(t.Context(), time.Hour, errLost)
		close(back)
	}()
	var fate settled
	if err := s.Put(t.Context(), vectorsOf(testRecipe, chunks[100:]), fate.done()); err != nil {
		t.Fatal(err)
	}
	for s.Stats().Retries == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	server, err = startServer(t.Context(), serverConfig{store: store, listen: address, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	<-back
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fate.check(t, 1, 0)
	checkStored(t, all(t, SubscribeConfig{URL: s.URL()}), chunks)
}

// A full stream pushes back: Put waits, nothing is lost, and room ends it.
func TestFullStreamWaits(t *testing.T) {
	const inFlight = 32 << 10
	s := open(t, Config{Store: t.TempDir(), StoreBytes: 64 << 10, MaxBytes: 4 << 10, InFlight: inFlight})
	chunks := reads(testRun("run"), "a.pod5", 0, 2000, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var fate settled
	accepted, puts := 0, 0
	go func() {
		for s.Stats().Retries < 2 {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	for ; accepted < len(chunks); accepted += 10 {
		done := fate.done()
		if err := s.Put(ctx, vectorsOf(testRecipe, chunks[accepted:accepted+10]), done); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			fate.pending--
			break
		}
		puts++
	}
	if held := uint64(accepted) - s.Stats().Rows; held > inFlight/(4*testDim) || accepted == len(chunks) {
		t.Errorf("%d rows accepted, %d of them not stored", accepted, held)
	}
	if err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("flush gave %v", err)
	}
	if err := s.link.openStream(t.Context(), false, 0); err != nil { // takes the limit away
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fate.check(t, puts, 0)
	if got := s.Stats().Rows; got != uint64(accepted) {
		t.Errorf("%d rows stored, %d accepted", got, accepted)
	}
}

func TestLock(t *testing.T) {
	store := t.TempDir()
	s := open(t, Config{Store: store})
	_, err := Open(t.Context(), Config{Store: store})
	var locked *broker.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.URL != "" || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("second open gave %v", err)
	}
	if _, err := Subscribe(t.Context(), SubscribeConfig{Store: store}); !errors.As(err, &locked) {
		t.Errorf("subscribe gave %v", err)
	}
	s.Close()
	s = open(t, Config{Store: store, Listen: "127.0.0.1:0"})
	_, err = Open(t.Context(), Config{Store: store})
	if !errors.As(err, &locked) || locked.URL != s.URL() || !strings.Contains(err.Error(), "--nats "+s.URL()) {
		t.Errorf("second open gave %v", err)
	}
	chunks := reads(testRun("run"), "a.pod5", 0, 2, 2)
	put(t, s, testRecipe, chunks, 10, new(settled).done)
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks) // connects to the listener
}
