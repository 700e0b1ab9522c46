package main

import (
	"errors"
	"fmt"
	"io/fs"
)

// The exit codes, as documented in docs/design.md §6.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitSkipped     = 3 // done, but some reads or files were corrupt
	exitInput       = 4 // not found or not supported
	exitModel       = 5 // model or device
	exitDelivery    = 6 // not everything reached the stream or file
	exitAlert       = 7 // done, and a watch list raised an alarm
	exitInterrupted = 130
)

// exitError ends the program with a code. Without err it is silent: what there
// is to say has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code: code, err: err} }

// failure makes an error that has no exit code yet end the program with 1.
func failure(err error) error { return failureOf(exitFailure, err) }

// failureOf makes an error that has no exit code yet end the program with this one.
func failureOf(code int, err error) error {
	var coded *exitError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return exit(code, err)
}

func usageError(format string, args ...any) error {
	return exit(exitUsage, fmt.Errorf(format, args...))
}

// inputError tells a path that is not there from one that cannot be read.
func inputError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit(exitInput, err)
	}
	return exit(exitFailure, err)
}
