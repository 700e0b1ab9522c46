package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/sink/wire"
)

// HubSubject is where a hub tells one of its rigs how far it has got, once a second: an
// object with rig, sequence and stream. It is not stored.
func HubSubject(rig string) string { return "porevec-hub." + rig }

// HubProgress is how far the hub has got with the stream of this rig.
type HubProgress struct {
	// Sequence is that of the last message that the hub has on disk, in the stream of the
	// rig.
	Sequence uint64 `json:"sequence"`
	// Stream is the identity of the stream that this message is from, which was another one
	// where the store has been made anew since: its numbers mean nothing here.
	Stream string `json:"stream"`
	// Told is when the hub said so; zero: it has not been heard since the store was
	// opened.
	Told time.Time `json:"-"`
}

// listen keeps what the hub tells.
func (l *link) listen(rig string, to *atomic.Pointer[HubProgress]) error {
	_, err := l.conn.Subscribe(HubSubject(rig), func(msg *nats.Msg) {
		p := HubProgress{Told: time.Now()}
		if json.Unmarshal(msg.Data, &p) == nil {
			to.Store(&p)
		}
	})
	if err != nil {
		return fmt.Errorf("listen to the hub: %w", err)
	}
	return nil
}

// Hub tells how far the hub has got, and whether it has everything; joined is false for
// a store that is in no hub. Behind is at most how many messages it lacks.
func (s *Sink) Hub(ctx context.Context) (progress HubProgress, behind uint64, joined bool) {
	if s.join == nil {
		return HubProgress{}, 0, false
	}
	if p := s.hub.Load(); p != nil {
		progress = *p
	}
	if progress.Stream != identity(s.link.stream.CachedInfo().Created) {
		progress.Sequence = 0 // the hub has yet to find out
	}
	last, err := s.link.stream.GetLastMsgForSubject(ctx, wire.Subject{Rig: s.join.Rig}.Filter())
	if err == nil && last.Sequence > progress.Sequence {
		behind = last.Sequence - progress.Sequence
	}
	return progress, behind, true
}

// ErrRefused says that the hub does not let this rig in, and what to do.
var ErrRefused = errors.New("the hub refuses the credentials of this rig: it was removed there, or the invitation is one of another hub; its store keeps everything; " +
	"a new invitation ('porevec hub invite' on the hub, then 'porevec hub join' here) lets it in, 'porevec hub leave' ends the membership")

// Refused ends when the hub does not let this rig in, see [ErrRefused].
func (s *Sink) Refused() context.Context {
	if s.join == nil {
		return context.Background()
	}
	return s.link.server.Refused()
}

// identity is what a hub's server notes of a stream with each message that it takes from
// there (nats-server 2.15: stream.identity, the last field of Nats-Stream-Source).
func identity(created time.Time) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(created.UTC().Format(time.RFC3339Nano)))
	id := sum[:8]
	for i := range id {
		id[i] = digits[int(id[i])%len(digits)]
	}
	return string(id)
}

// Rigs are the names under which a store that nobody has open holds vectors.
func Rigs(ctx context.Context, store string, log *slog.Logger) ([]string, error) {
	l, err := embed(ctx, serverConfig{store: store, log: log})
	if err != nil {
		return nil, err
	}
	defer l.close()
	stream, err := l.js.Stream(ctx, Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read store %s: %w", store, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, fmt.Errorf("read store %s: %w", store, err)
	}
	names := make(map[string]bool)
	for subject := range info.State.Subjects {
		if s, ours := wire.ParseSubject(subject); ours {
			names[s.Rig] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
