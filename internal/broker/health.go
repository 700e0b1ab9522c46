package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// health passes the log of a server on, and finds in it what the server tells nobody
// else. Its notices are details here.
type health struct {
	log  *slog.Logger
	gone atomic.Pointer[string] // the first reason for which the server gave up

	sick context.Context
	fail context.CancelCauseFunc

	mu   sync.Mutex
	said map[string]time.Time // when a warning was passed on last, by its format
}

// sayAgain is how soon a warning of the same kind is worth a line again: a hub that
// cannot be reached for a week is tried every second.
const sayAgain = time.Minute

func newHealth(log *slog.Logger) *health {
	h := &health{log: log, said: make(map[string]time.Time)}
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
func (h *health) Noticef(format string, args ...any) { h.write(slog.LevelDebug, format, args) }
func (h *health) Warnf(format string, args ...any)   { h.write(slog.LevelWarn, format, args) }
func (h *health) Debugf(string, ...any)              {}
func (h *health) Tracef(string, ...any)              {}

func (h *health) Errorf(format string, args ...any) {
	// nats-server 2.15: fileStore.setWriteErr and stream.setWriteErrLocked.
	if strings.Contains(strings.ToLower(format), "critical write error") {
		h.fail(fmt.Errorf(format, args...))
	}
	h.write(slog.LevelError, format, args)
}

func (h *health) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.gone.CompareAndSwap(nil, &text)
}

func (h *health) write(level slog.Level, format string, args []any) {
	if ctx := context.Background(); h.log.Enabled(ctx, level) && (level < slog.LevelWarn || h.worth(format)) {
		h.log.Log(ctx, level, fmt.Sprintf(format, args...), "from", "nats-server")
	}
}

func (h *health) worth(format string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if now.Sub(h.said[format]) < sayAgain {
		return false
	}
	h.said[format] = now
	return true
}
