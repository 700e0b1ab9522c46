package jetstream

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
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

// span is a stretch of a source, both ends included: all of its chunks are stored,
// or there were none.
type span struct{ first, last place }

// batchID names what a message settles: source/first-last/recipe. A place is
// ordinal.chunk; live reads have their id for the ordinal.
func batchID(k key, first place, from, to signal.Chunk) string {
	text := func(p place, c signal.Chunk) string {
		ordinal := strconv.FormatUint(p.ordinal, 10)
		if k.source == live {
			ordinal = hex.EncodeToString(c.Read.ID[:])
		}
		return ordinal + "." + strconv.FormatUint(uint64(p.chunk), 10)
	}
	return k.source + "/" + text(first, from) + "-" + text(placeOf(to), to) + "/" + k.recipe
}

// parseBatchID gives the track and the span; false: there is no checkpoint in it.
func parseBatchID(id string) (track, span, bool) {
	source, rest, _ := strings.Cut(id, "/")
	text, recipe, ok := strings.Cut(rest, "/")
	from, to, both := strings.Cut(text, "-")
	first, err := parsePlace(from)
	last, err2 := parsePlace(to)
	if !ok || !both || source == live || errors.Join(err, err2) != nil || first.compare(last) > 0 {
		return track{}, span{}, false
	}
	return track{source, recipe}, span{first, last}, true
}

func parsePlace(text string) (place, error) {
	ordinal, chunk, _ := strings.Cut(text, ".")
	o, err := strconv.ParseUint(ordinal, 10, 64)
	c, err2 := strconv.ParseUint(chunk, 10, 32)
	return place{o, uint32(c)}, errors.Join(err, err2)
}

// line is what is known of a subject's messages.
type line struct {
	sequence uint64 // of the last one; 0: there is none
	// stored has the spans of each track in ascending order, apart from each other:
	// one, unless something of the source could not be had.
	stored map[track][]span
}

// before is the number of a track's spans that begin at or before p.
func (l *line) before(t track, p place) int {
	return sort.Search(len(l.stored[t]), func(i int) bool { return l.stored[t][i].first.compare(p) > 0 })
}

// has says whether a chunk is stored.
func (l *line) has(t track, p place) bool {
	i := l.before(t, p)
	return i > 0 && p.compare(l.stored[t][i-1].last) <= 0
}

// next is the first place after what is stored before p.
func (l *line) next(t track, p place) place {
	i := l.before(t, p)
	if i == 0 {
		return place{}
	}
	return l.stored[t][i-1].next()
}

// add notes that a span is stored.
func (l *line) add(t track, s span) {
	if t.source == live {
		return
	}
	var kept []span
	for _, o := range l.stored[t] {
		switch {
		case o.next().compare(s.first) < 0, s.next().compare(o.first) < 0:
			kept = append(kept, o)
		default: // they touch
			if o.first.compare(s.first) < 0 {
				s.first = o.first
			}
			if o.last.compare(s.last) > 0 {
				s.last = o.last
			}
		}
	}
	kept = append(kept, s)
	slices.SortFunc(kept, func(a, b span) int { return a.first.compare(b.first) })
	l.stored[t] = kept
}

// next is the first place after the span.
func (s span) next() place { return place{s.last.ordinal, s.last.chunk + 1} }

// readLine reads the headers of all messages of a subject.
func readLine(ctx context.Context, stream jetstream.Stream, subject string) (*line, error) {
	l := &line{stored: make(map[track][]span)}
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
