// Package sink is where vectors go. Its sub-packages deliver to NATS JetStream
// (jetstream) and to files (file, with the formats parquet, arrow, npy and
// ndjson); wire is the schema that all of them share.
package sink

import (
	"context"

	"github.com/porevec/porevec/signal"
)

// Sink stores vectors.
type Sink interface {
	// Put hands over the vectors of e. They come in order: per read by chunk,
	// per source by ordinal, as far as they are of one run. Put copies what it
	// needs, so e and its memory may be reused once it returns. It blocks while
	// too many bytes are under way. An error means that nothing of e was
	// accepted, and done is not called; otherwise done is called exactly once,
	// from any goroutine, when every row is durable or has finally failed. done
	// must not block and must not call the sink.
	//
	// Put, Flush and Close are called from one goroutine.
	Put(ctx context.Context, e *signal.Embedded, done func(error)) error
	// Flush waits until everything accepted is settled.
	Flush(ctx context.Context) error
	// Close gives up what is not settled, telling each done, and releases
	// everything. Call Flush first.
	Close() error
}

// Partial is implemented by sinks whose output would pass for the whole: files.
type Partial interface {
	// KeepPartial says before Close that the input ended early. What was accepted is
	// kept, under a name that tells.
	KeepPartial()
}
