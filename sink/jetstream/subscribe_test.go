package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

func TestSubscribe(t *testing.T) {
	s := open(t, Config{Store: t.TempDir(), Listen: "127.0.0.1:0"})
	run := testRun("run")
	if got := all(t, SubscribeConfig{URL: s.URL()}); len(got) != 0 {
		t.Errorf("%d messages in an empty stream", len(got))
	}
	old := reads(run, "a.pod5", 0, 1, 2)
	put(t, s, testRecipe, old, 10, new(settled).done)
	time.Sleep(time.Millisecond)
	between := time.Now()
	subject := wire.Subject{Rig: "rig", Position: "X1", Run: "other", Kind: wire.Emb}.String()
	if _, err := s.link.js.Publish(t.Context(), subject, []byte("not Arrow")); err != nil {
		t.Fatal(err)
	}
	follow, err := Subscribe(t.Context(), SubscribeConfig{URL: s.URL(), New: true})
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Close()
	since, err := Subscribe(t.Context(), SubscribeConfig{URL: s.URL(), Since: between})
	if err != nil {
		t.Fatal(err)
	}
	defer since.Close()
	fresh := reads(run, "a.pod5", 1, 2, 2)
	put(t, s, testRecipe, fresh, 10, new(settled).done)
	for name, sub := range map[string]*Subscription{"new": follow, "since": since} {
		m, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkStored(t, []*Message{m}, fresh)
		if m.Subject != (wire.Subject{Rig: "rig", Position: "X1", Run: "run", Kind: wire.Emb}) || m.Sequence != 3 || time.Since(m.Time) > time.Minute {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if follow.Skipped() != 0 || since.Skipped() != 1 {
		t.Errorf("skipped %d and %d", follow.Skipped(), since.Skipped())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := follow.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := all(t, SubscribeConfig{URL: s.URL(), New: true}); len(got) != 0 {
		t.Errorf("new until the end gave %d messages", len(got))
	}
}

// TestSubscriptionOutlivesTheOwnerOfTheStore reads through a process that listens,
// and goes on with the store when that has ended.
func TestSubscriptionOutlivesTheOwnerOfTheStore(t *testing.T) {
	store := t.TempDir()
	owner, err := Open(t.Context(), Config{Store: store, Rig: "rig", Listen: "127.0.0.1:0", Choice: checkpoint.Choice{Subset: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	run := testRun("run")
	put(t, owner, testRecipe, reads(run, "a.pod5", 0, 3, 1), 10, new(settled).done)
	sub, err := Subscribe(t.Context(), SubscribeConfig{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	first, err := sub.Next(t.Context())
	if err != nil || first.Batch.Len() != 3 {
		t.Fatal(first, err)
	}
	put(t, owner, testRecipe, reads(run, "a.pod5", 3, 5, 1), 10, new(settled).done)
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	hit := first.Subject
	hit.Kind = wire.Hit
	if err := sub.Publish(t.Context(), hit, "text/plain", "one", []byte("found")); err != nil {
		t.Fatal(err)
	}
	second, err := sub.Next(t.Context())
	if err != nil || second.Batch.Len() != 2 || second.Sequence != first.Sequence+1 {
		t.Fatal(second, err)
	}
	if m, err := sub.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("%v %v, want the end of the store", m, err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	hits := all(t, SubscribeConfig{Store: store, Kind: wire.Hit})
	if len(hits) != 1 || string(hits[0].Payload) != "found" || hits[0].Batch != nil {
		t.Errorf("hits %+v", hits)
	}
}

// Answers of a search are stored once each, though their server comes and goes.
func TestAnswersOverRestarts(t *testing.T) {
	cfg := serverConfig{store: t.TempDir(), listen: "127.0.0.1:0", log: slog.New(slog.DiscardHandler)}
	server, err := startServer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.listen = server.Server().Addr().String()
	url := "nats://" + cfg.listen
	put(t, open(t, Config{URL: url}), testRecipe, reads(testRun("run"), "a.pod5", 0, 1, 1), 10, new(settled).done)
	sub, err := Subscribe(t.Context(), SubscribeConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	first, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hit := first.Subject
	hit.Kind = wire.Hit

	enough, published := make(chan struct{}), make(chan int)
	go func() {
		defer close(published)
		for n := 0; ; n++ {
			if err := sub.Publish(t.Context(), hit, "text/plain", fmt.Sprint(n), fmt.Append(nil, n)); err != nil {
				t.Errorf("answer %d: %v", n, err)
				return
			}
			select {
			case <-enough:
				published <- n + 1
				return
			default:
			}
		}
	}()
	for range 5 {
		time.Sleep(50 * time.Millisecond) // under load
		server.Stop()
		if server, err = startServer(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	close(enough)
	want := <-published
	defer server.Stop()
	hits := all(t, SubscribeConfig{URL: url, Kind: wire.Hit})
	for n, m := range hits {
		if string(m.Payload) != fmt.Sprint(n) {
			t.Fatalf("answer %d is %s", n, m.Payload)
		}
	}
	if len(hits) != want {
		t.Errorf("%d answers of %d", len(hits), want)
	}
}
