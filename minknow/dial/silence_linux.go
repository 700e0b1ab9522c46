package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitSilence makes the system give up on a host that acknowledges nothing.
func limitSilence(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	if err == nil {
		err = failed
	}
	return err
}
