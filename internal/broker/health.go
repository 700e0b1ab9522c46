package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// health passes the log of a server on, and finds in it what the server tells nobody
// else. Its notices are details here.
type health struct {
	log  *slog.Logger
	gone atomic.Pointer[string] // the first reason for which the server gave up

	sick context.Context
	fail context.CancelCauseFunc
	// refused is called when a hub does not take the credentials of this server.
	refused func()

	mu   sync.Mutex
	said map[string]time.Time // when a message was passed on last, by its kind
}

// sayAgain is how soon a message of the same kind is worth a line again: a hub that
// cannot be reached for a week is tried every second.
const sayAgain = time.Minute

func newHealth(log *slog.Logger, refused func()) *health {
	h := &health{log: log, refused: refused, said: make(map[string]time.Time)}
	h.sick, h.fail = context.WithCancelCause(context.Background())
	return h
}

// fatal is why the server gave up; nil: it did not.
func (h *health) fatal() error {
	if text := h.gone.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

// Noticef and the others are for the server.
func (h *health) Noticef(format string, args ...any) { h.write(slog.LevelDebug, format, format, args) }
func (h *health) Warnf(format string, args ...any)   { h.write(slog.LevelWarn, format, format, args) }
func (h *health) Debugf(string, ...any)              {}
func (h *health) Tracef(string, ...any)              {}

// Errorf knows these messages of nats-server 2.15.
func (h *health) Errorf(format string, args ...any) {
	kind := ofConnection.ReplaceAllString(format, "")
	level := slog.LevelError
	switch {
	case strings.Contains(strings.ToLower(kind), "critical write error"): // fileStore.setWriteErr, stream.setWriteErrLocked
		h.fail(fmt.Errorf(format, args...))
	case kind == "Leafnode Error %s" && strings.Contains(fmt.Sprint(args...), "Authorization Violation"): // client.processErr
		h.refused()
		level = slog.LevelDebug
	case strings.HasPrefix(kind, "Error trying to connect as leafnode"): // connectToRemoteLeafNode
		level = slog.LevelInfo
		format, args = "the hub cannot be reached just now; the store keeps what it lacks (%v)", args[len(args)-1:]
	case kind == "TLS %s handshake error: %v%s" && unverified(args[1]): // client.doTLSHandshake
		level = slog.LevelWarn
		format, args = "what answers at the hub's address is not the hub of the invitation, or has another certificate: join with a new invitation, or name its authority with --ca (%v)", args[1:2]
	case strings.HasPrefix(kind, server.ErrAuthentication.Error()): // client.authViolation
		level = slog.LevelWarn
		format = "refused, for it was removed or is no member: " + format
	}
	h.write(level, kind, format, args)
}

func unverified(failure any) bool {
	err, _ := failure.(error)
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// ofConnection begins what the server says of a connection, with the connection's number.
var ofConnection = regexp.MustCompile(`^\S+ - [a-z_]+:\d+( - "[^"]*")* - `)

func (h *health) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.gone.CompareAndSwap(nil, &text)
}

func (h *health) write(level slog.Level, kind, format string, args []any) {
	if ctx := context.Background(); h.log.Enabled(ctx, level) && (level < slog.LevelInfo || h.worth(kind)) {
		h.log.Log(ctx, level, fmt.Sprintf(format, args...), "from", "nats-server")
	}
}

func (h *health) worth(kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if now.Sub(h.said[kind]) < sayAgain {
		return false
	}
	h.said[kind] = now
	return true
}
