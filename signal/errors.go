package signal

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Class decides what is done about an error.
type Class uint8

// The four classes.
const (
	// Fatal stops the run with a reason. It is the class of an error that
	// carries none.
	Fatal Class = iota
	// Corrupt skips the read or the file, counts it and goes on.
	Corrupt
	// Transient is tried again, with a growing pause.
	Transient
	// Cancelled was asked for.
	Cancelled
)

// String is the class's name in reports.
func (c Class) String() string {
	switch c {
	case Corrupt:
		return "corrupt"
	case Transient:
		return "transient"
	case Cancelled:
		return "cancelled"
	default:
		return "fatal"
	}
}

// Error says what failed, where, and what kind of failure it is.
type Error struct {
	Class  Class
	Op     string // what was being done, e.g. "decode signal"
	File   string // path, or "" when no file is involved
	ReadID string // canonical id, or "" when no single read is
	Err    error
}

// Error names file, read, operation and reason, in this order.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.File, readPart(e.ReadID), e.Op} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	fmt.Fprint(&b, e.Err)
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func readPart(id string) string {
	if id == "" {
		return ""
	}
	return "read " + id
}

// ClassOf finds the class of any error.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.As(err, &e):
		return e.Class
	default:
		return Fatal
	}
}
