package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// PublishReads stores what is told of reads of a run, a line of JSON each. The same
// lines, sent again, are stored once. It tries until ctx ends.
func (s *Sink) PublishReads(ctx context.Context, run *signal.Run, lines []byte) error {
	subject := wire.Subject{Rig: s.cfg.Rig, Position: run.Position, Run: run.AcquisitionID, Kind: wire.Read}
	msg := nats.NewMsg(subject.String())
	msg.Header.Set(HeaderContentType, "application/x-ndjson")
	msg.Data = lines
	digest := sha256.Sum256(lines)
	id := msg.Subject + "/" + hex.EncodeToString(digest[:16])
	for {
		_, err := s.link.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(Stream))
		if err == nil {
			return nil
		}
		select {
		case <-time.After(firstPause):
		case <-s.ctx.Done():
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("publish on %s: %w", msg.Subject, err)
		}
	}
}
