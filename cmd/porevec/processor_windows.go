package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// processTime is the processor time of this process so far; 0 when the system does not
// say.
func processTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return 0
	}
	const unit = 100 // nanoseconds
	ticks := func(t windows.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
	return time.Duration(unit * (ticks(kernel) + ticks(user)))
}
