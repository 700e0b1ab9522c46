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
	rig    string
	choice checkpoint.Choice

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
		track:   checkpoint.TrackOf(recipe, read, n.choice),
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
	l := &line{}
	return l, l.read(ctx, stream, subject, func(uint64, string) {})
}

// read reads the headers of the messages that came since, and tells of each where it
// is and which batch it holds. Where messages were deleted, the line ends before them.
func (l *line) read(ctx context.Context, stream jetstream.Stream, subject string, tell func(sequence uint64, id string)) error {
	last, err := stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		l.sequence = 0
		return nil
	case err != nil:
		return fmt.Errorf("find last message of %s: %w", subject, err)
	case last.Sequence <= l.sequence:
		l.sequence = last.Sequence
		return nil
	}
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverAllPolicy, HeadersOnly: true}
	if l.sequence > 0 {
		from.DeliverPolicy, from.OptStartSeq = jetstream.DeliverByStartSequencePolicy, l.sequence+1
	}
	headers, err := stream.OrderedConsumer(ctx, from)
	if err != nil {
		return fmt.Errorf("read headers of %s: %w", subject, err)
	}
	messages, err := headers.Messages()
	if err != nil {
		return fmt.Errorf("read headers of %s: %w", subject, err)
	}
	defer messages.Stop()
	for l.sequence < last.Sequence {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read headers of %s: %w", subject, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read headers of %s: %w", subject, err)
		}
		l.sequence = meta.Sequence.Stream
		id := msg.Headers().Get(HeaderBatch)
		if t, span, ok := checkpoint.ParseID(id); ok {
			l.stored.Add(t, span)
		}
		tell(l.sequence, id)
		if meta.NumPending == 0 {
			break // the last one was deleted meanwhile
		}
	}
	return nil
}
