//go:build !linux

package dial

import "syscall"

// limitSilence does nothing here: TCP's keepalive has to do.
func limitSilence(_, _ string, _ syscall.RawConn) error { return nil }
