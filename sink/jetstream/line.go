package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

// The headers of a message, besides Nats-Msg-Id.
const (
	HeaderBatch       = "Porevec-Batch"
	HeaderRows        = "Porevec-Rows"
	HeaderSchema      = "Porevec-Schema"
	HeaderContentType = "Content-Type"
)

// key is what all rows of a message share.
type key struct {
	subject string
	track   checkpoint.Track
}

// namer makes keys; it remembers the last, for most chunks have the key of the
// one before.
type namer struct {
	rig, subset string

	run    *signal.Run
	from   *signal.Recipe
	source string
	last   key
}

func (n *namer) key(recipe *signal.Recipe, read *signal.Read) key {
	if n.run == read.Run && n.from == recipe && n.source == read.Origin.Source && n.last.subject != "" {
		return n.last
	}
	n.run, n.from, n.source = read.Run, recipe, read.Origin.Source
	n.last = key{
		subject: wire.Subject{Rig: n.rig, Position: read.Run.Position, Run: read.Run.AcquisitionID, Kind: wire.Emb}.String(),
		track:   checkpoint.TrackOf(recipe, read, n.subset),
	}
	return n.last
}

// line is what is known of a subject's messages.
type line struct {
	sequence uint64 // of the last one; 0: there is none
	stored   checkpoint.Stored
}

// readLine reads the headers of all messages of a subject.
func readLine(ctx context.Context, stream jetstream.Stream, subject string) (*line, error) {
	l := &line{stored: make(checkpoint.Stored)}
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find last message of %s: %w", subject, err)
	}
	headers, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverAllPolicy, HeadersOnly: true,
	})
	if err != nil {
		return nil, fmt.Errorf("read headers of %s: %w", subject, err)
	}
	messages, err := headers.Messages()
	if err != nil {
		return nil, fmt.Errorf("read headers of %s: %w", subject, err)
	}
	defer messages.Stop()
	for l.sequence < last.Sequence {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read headers of %s: %w", subject, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("read headers of %s: %w", subject, err)
		}
		l.sequence = meta.Sequence.Stream
		if t, span, ok := checkpoint.ParseID(msg.Headers().Get(HeaderBatch)); ok {
			l.stored.Add(t, span)
		}
		if meta.NumPending == 0 {
			break // the last one was deleted meanwhile
		}
	}
	return l, nil
}
