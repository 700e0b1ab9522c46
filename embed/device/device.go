package device

import (
	"context"
	"time"

	"github.com/porevec/porevec/embed"
)

// Device is where an encoder can compute.
type Device struct {
	Name string // e.g. cuda:0
	// Open opens the encoder there. It may take minutes.
	Open func() (embed.Encoder, error)
	// Prove says why the vectors of an opened encoder are not those of its release.
	Prove func(context.Context, embed.Computer) error
	// Chunks is the most in one call; a larger batch goes in parts.
	Chunks int
	// Calls is how many may be under way at once; 0: any number, on the callers' own
	// threads and for as long as they take, as suits the processor itself.
	Calls int
	// Patience is how long one of Calls may take. The first call after Open, which may
	// prepare a lot, has firstPatience more.
	Patience time.Duration
	// Window is the length of chunk, in samples, that the device takes; 0: any.
	Window int
}

// EventKind says what an [Event] is about.
type EventKind string

// The kinds of events.
const (
	// Failed: the device made an error or took too long, and the next one computes.
	Failed EventKind = "failed"
	// Returned: the device computes again.
	Returned EventKind = "returned"
	// Smaller: the device was short of memory, and gets fewer chunks at a time.
	Smaller EventKind = "smaller_batches"
)

// Event is something that happened to a device.
type Event struct {
	At     time.Time `json:"at"`
	Kind   EventKind `json:"event"`
	Device string    `json:"device"`
	// Now is the device that computes from now on; "" when there is none.
	Now string `json:"now"`
	// Chunks is the most in a call from now on, after Smaller.
	Chunks int    `json:"chunks,omitempty"`
	Why    string `json:"why,omitempty"`
}
