package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/sink/jetstream"
)

// drop deletes whatever may be deleted.
func (h *testHub) drop(t *testing.T) {
	t.Helper()
	runs, err := h.Runs(t.Context(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	contents, err := runs.Contents(t.Context())
	if err != nil || len(contents.Runs) != 1 || contents.Runs[0].Run != "run" {
		t.Fatalf("%+v, %v", contents, err)
	}
	if contents.Runs[0].Kept {
		t.Error("a run of several messages is said to be what stays of it")
	}
	if err := runs.Drop(t.Context(), contents.Runs[0]); err != nil {
		t.Fatal(err)
	}
	if contents, err := runs.Contents(t.Context()); err != nil || !contents.Runs[0].Kept {
		t.Errorf("%+v, %v", contents, err)
	}
}

// Runs can be deleted from a hub, served or not. The rig, which has them, does not send
// them again, and goes on.
func TestDrop(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	rig := h.rig(t, "rig1", h.rigs)
	n := 0
	send := func(messages int) {
		t.Helper()
		for range messages {
			put(t, rig, n, n+64)
			n += 64
		}
		synced(t, rig)
	}
	has := func(want int) {
		t.Helper()
		if got := h.rows(t, "rig1"); got != 64*want {
			t.Fatalf("the hub has %d rows of %d", got, 64*want)
		}
	}
	send(3)
	has(3)
	h.drop(t) // while it is served
	has(1)
	synced(t, rig)
	send(2)
	has(3)
	h.server.Close()
	h.drop(t)
	h.serve(t, h.rigs, strings.TrimPrefix(h.url, "tls://"))
	has(1)
	send(1)
	has(2)
	// The rig was away and is asked again.
	members, err := h.Members()
	if err != nil {
		t.Fatal(err)
	}
	h.drop(t)
	if err := errors.Join(h.server.source(t.Context(), members, "rig1"), h.server.source(t.Context(), members, "")); err != nil {
		t.Fatal(err)
	}
	send(1)
	has(2)

	// Who only reads is told so.
	sub, err := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{URL: h.url, Credentials: h.creds})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	contents, err := sub.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Drop(t.Context(), contents.Runs[0]); err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a subscriber deletes: %v", err)
	}
}

// A hub that is served to rigs alone cannot be reached by another process.
func TestDropWithoutPort(t *testing.T) {
	h := newHub(t)
	h.server.Close()
	s, err := Serve(t.Context(), Config{Store: h.store, Rigs: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := h.Runs(t.Context(), testLog(t)); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("%v", err)
	}
}

// The folder of a hub is no store for anything else, served or not.
func TestHubIsNoStore(t *testing.T) {
	h := newHub(t)
	for range 2 {
		_, open := jetstream.Open(t.Context(), jetstream.Config{Store: h.store})
		_, subscribe := jetstream.Subscribe(t.Context(), jetstream.SubscribeConfig{Store: h.store})
		_, rigs := jetstream.Rigs(t.Context(), h.store, testLog(t))
		for _, err := range []error{open, subscribe, rigs} {
			if err == nil || !strings.Contains(err.Error(), "hub drop") {
				t.Errorf("%v", err)
			}
		}
		h.server.Close()
	}
	if _, err := os.Stat(filepath.Join(h.store, "jetstream", "$G")); err == nil {
		t.Error("there is a foreign account in the hub's folder")
	}
}
