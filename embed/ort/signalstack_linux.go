package ort

/*
#include <signal.h>

static int signal_stack_get(stack_t *s) { return sigaltstack(0, s); }
static int signal_stack_put(stack_t *s) { return sigaltstack(s, 0); }
*/
import "C"

import "runtime"

// keepSignalStack calls f and gives the thread its stack for signals back. OpenVINO
// installs one of its own on the thread that opens a session, and frees it with the
// session on any other: the next signal that Go sends to the first thread, to interrupt
// it, would then end the program.
func keepSignalStack(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stack C.stack_t
	if C.signal_stack_get(&stack) == 0 {
		defer C.signal_stack_put(&stack)
	}
	return f()
}
