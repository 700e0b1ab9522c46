package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// HubSubject is where a hub tells one of its rigs how far it has got, once a second: an
// object with rig and sequence. It is not stored.
func HubSubject(rig string) string { return "porevec-hub." + rig }

// HubProgress is how far the hub has got with the stream of this rig.
type HubProgress struct {
	// Sequence is that of the last message that the hub has on disk, in the stream of the
	// rig.
	Sequence uint64 `json:"sequence"`
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

// Hub tells how far the hub has got, and how many messages it lacks; joined is false for
// a store that is in no hub.
func (s *Sink) Hub(ctx context.Context) (progress HubProgress, behind uint64, joined bool) {
	if s.join == nil {
		return HubProgress{}, 0, false
	}
	if p := s.hub.Load(); p != nil {
		progress = *p
	}
	info, err := s.link.stream.Info(ctx)
	if err == nil && info.State.LastSeq > progress.Sequence {
		behind = info.State.LastSeq - progress.Sequence
	}
	return progress, behind, true
}
