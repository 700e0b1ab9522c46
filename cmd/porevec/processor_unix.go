//go:build unix

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime is the processor time of this process so far; 0 when the system does not
// say.
func processTime() time.Duration {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
