package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/sink/wire"
)

// Stored is what a stream holds of a run.
type Stored struct {
	Rig      string    `json:"rig"`
	Position string    `json:"position"`
	Run      string    `json:"run"`
	Messages uint64    `json:"messages"` // of all kinds
	Last     time.Time `json:"last"`     // message that came
	// Kept says that the only message is the last one of the rig, which stays in a hub.
	Kept bool `json:"kept,omitempty"`
}

// Contents are what a stream holds.
type Contents struct {
	Bytes uint64   `json:"bytes"`
	Limit uint64   `json:"limit,omitempty"` // 0: none
	Runs  []Stored `json:"runs"`            // the one that got a message last comes last
}

// Contents tells what the stream of a subscription's server holds.
func (s *Subscription) Contents(ctx context.Context) (*Contents, error) {
	return ContentsOf(ctx, s.link.stream)
}

// ContentsOf tells what a stream holds.
func ContentsOf(ctx context.Context, stream jetstream.Stream) (*Contents, error) {
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, fmt.Errorf("contents of the stream: %w", err)
	}
	c := &Contents{Bytes: info.State.Bytes, Limit: uint64(max(info.Config.MaxBytes, 0))}
	runs := make(map[wire.Subject]*Stored)
	for subject, messages := range info.State.Subjects {
		parsed, ours := wire.ParseSubject(subject)
		if !ours {
			continue
		}
		parsed.Kind = ""
		if runs[parsed] == nil {
			runs[parsed] = &Stored{Rig: parsed.Rig, Position: parsed.Position, Run: parsed.Run}
		}
		runs[parsed].Messages += messages
	}
	for subject, run := range runs {
		last, err := stream.GetLastMsgForSubject(ctx, subject.Filter())
		if err != nil {
			return nil, fmt.Errorf("contents of the stream: %w", err)
		}
		run.Last = last.Time
		c.Runs = append(c.Runs, *run)
	}
	slices.SortFunc(c.Runs, func(a, b Stored) int { return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.Run, b.Run)) })
	return c, nil
}

// Drop deletes all messages of a run. A replay of it would store it anew.
func (s *Subscription) Drop(ctx context.Context, run Stored) error {
	err := DropFrom(ctx, s.link.stream, run)
	if err != nil && errors.Is(s.link.conn.LastError(), nats.ErrPermissionViolation) {
		return fmt.Errorf("these credentials do not let you delete; of a hub, its owner can, with 'porevec hub drop' (%w)", err)
	}
	return err
}

// DropFrom deletes messages of a run, all of them unless which says otherwise.
func DropFrom(ctx context.Context, stream jetstream.Stream, run Stored, which ...jetstream.StreamPurgeOpt) error {
	subject := wire.Subject{Rig: run.Rig, Position: run.Position, Run: run.Run}.Filter()
	if err := stream.Purge(ctx, append(which, jetstream.WithPurgeSubject(subject))...); err != nil {
		return fmt.Errorf("drop %s: %w", subject, err)
	}
	return nil
}
