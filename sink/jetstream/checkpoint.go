package jetstream

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// The headers of a message, besides Nats-Msg-Id.
const (
	HeaderBatch       = "Porevec-Batch"
	HeaderRows        = "Porevec-Rows"
	HeaderSchema      = "Porevec-Schema"
	HeaderContentType = "Content-Type"
)

// live is the source of reads that come from no file. Their order is that of the
// sequencer, so they have no checkpoint.
const live = "live"

// place is where a chunk stands in its source.
type place struct {
	ordinal uint64
	chunk   uint32
}

func placeOf(c signal.Chunk) place { return place{c.Read.Origin.Ordinal, c.Index} }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.ordinal, q.ordinal), cmp.Compare(p.chunk, q.chunk))
}

// key is what all rows of a message share. Source and recipe are as they stand
// in the header.
type key struct {
	subject, source, recipe string
}

// track is what has a checkpoint within a subject.
type track struct{ source, recipe string }

func (k key) track() track { return track{k.source, k.recipe} }

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
		source:  live,
		recipe: fmt.Sprintf("%s/w%dh%dd%d/%s", wire.Token(recipe.ModelDigest[:min(16, len(recipe.ModelDigest))]),
			recipe.Window, recipe.Hop, recipe.Dim, wire.Token(recipe.DType)),
	}
	if n.source != "" {
		n.last.source = url.PathEscape(n.source)
		if n.subset != "" {
			n.last.source += "~" + wire.Token(n.subset)
		}
	}
	return n.last
}

// batchID names the rows from first to last: source/first-last/recipe. A place is
// ordinal.chunk; live reads have their id for the ordinal.
func batchID(k key, first, last signal.Chunk) string {
	text := func(c signal.Chunk) string {
		ordinal := strconv.FormatUint(c.Read.Origin.Ordinal, 10)
		if k.source == live {
			ordinal = hex.EncodeToString(c.Read.ID[:])
		}
		return ordinal + "." + strconv.FormatUint(uint64(c.Index), 10)
	}
	return k.source + "/" + text(first) + "-" + text(last) + "/" + k.recipe
}

// parseBatchID gives the track and the last place; false: there is no checkpoint
// in it.
func parseBatchID(id string) (track, place, bool) {
	source, rest, _ := strings.Cut(id, "/")
	span, recipe, ok := strings.Cut(rest, "/")
	_, last, both := strings.Cut(span, "-")
	ordinal, chunk, dot := strings.Cut(last, ".")
	if !ok || !both || !dot || source == live {
		return track{}, place{}, false
	}
	o, err := strconv.ParseUint(ordinal, 10, 64)
	c, err2 := strconv.ParseUint(chunk, 10, 32)
	return track{source, recipe}, place{o, uint32(c)}, errors.Join(err, err2) == nil
}

// line is what is known of a subject's messages.
type line struct {
	sequence uint64 // of the last one; 0: there is none
	stored   map[track]place
}

// has says whether a chunk is at or before the last stored one of its track.
func (l *line) has(t track, p place) bool {
	last, ok := l.stored[t]
	return ok && p.compare(last) <= 0
}

// add notes that everything up to p is stored.
func (l *line) add(t track, p place) {
	if t.source != live && !l.has(t, p) {
		l.stored[t] = p
	}
}

// readLine reads the headers of all messages of a subject.
func readLine(ctx context.Context, stream jetstream.Stream, subject string) (*line, error) {
	l := &line{stored: make(map[track]place)}
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
		if t, p, ok := parseBatchID(msg.Headers().Get(HeaderBatch)); ok {
			l.add(t, p)
		}
		if meta.NumPending == 0 {
			break // the last one was deleted meanwhile
		}
	}
	return l, nil
}
