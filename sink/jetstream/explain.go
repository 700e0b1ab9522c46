package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/signal"
)

// The server's codes for having no room.
const (
	codeStreamFull    = 10077 // MaxBytes of the stream
	codeNoResources   = 10023 // of the server
	codeStorageFull   = 10047 // of the account
	codeOtherStream   = 10060 // the subject belongs to another stream
	codeMessageTooBig = jetstream.JSErrCodeStreamMessageExceedsMaximum
)

// explain gives a failure to publish its class, and says what to do.
func explain(err error, subject string) error {
	class, advice := signal.Transient, ""
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		switch api.ErrorCode {
		case codeStreamFull:
			advice = "stream " + Stream + " is full: raise its limit, or delete old runs (porevec store drop)"
		case codeNoResources, codeStorageFull:
			advice = "the server has no storage left: free some, or raise its limit (max_file_store)"
		case codeOtherStream:
			class, advice = signal.Fatal, "another stream captures "+subject+": only "+Stream+" may have the subjects porevec.v1.>"
		case codeMessageTooBig:
			class, advice = signal.Fatal, "stream "+Stream+" takes no messages of this size: raise its max-msg-size"
		default:
			if api.Code >= 400 && api.Code < 500 {
				class, advice = signal.Fatal, "the server refuses the message"
			}
		}
	case errors.Is(err, nats.ErrMaxPayload):
		class, advice = signal.Fatal, "the server takes no messages of this size: raise its max_payload"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrPermissionViolation):
		class, advice = signal.Fatal, "the server does not let this user publish to "+subject
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		advice = "no stream takes " + subject + "; is JetStream running, and does stream " + Stream + " exist?"
	}
	if advice != "" {
		err = fmt.Errorf("%s (%w)", advice, err)
	}
	if class == signal.Transient && errors.Is(err, context.Canceled) {
		class = signal.Cancelled
	}
	return &signal.Error{Class: class, Op: "publish", Err: err}
}

// unanswered says why a question that was asked under ctx failed.
func unanswered(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrReconnectBufExceeded): // NATS speaks of a buffer
		return errAway
	}
	return err
}
