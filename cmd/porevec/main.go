// Porevec turns the raw current of nanopore sequencers into embeddings while it
// is being measured. See "porevec help".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// goMemory is what the garbage collector aims to stay below, in bytes; ONNX
// Runtime's memory comes on top. A rig has other things to do with its memory.
const goMemory = 160 << 20

// limitMemory makes the garbage collector aim at more than goMemory, for a command
// that needs it, unless somebody has set another aim.
func limitMemory(more int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(goMemory + more)
	}
}

func main() {
	limitMemory(0)
	err := newRoot().ExecuteContext(context.Background())
	if err == nil {
		return
	}
	var e *exitError
	if !errors.As(err, &e) {
		// Every command says how it ends; what is left comes from the parsing of
		// the command line.
		e = &exitError{code: exitUsage, err: err}
	}
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "porevec:", e.err)
	}
	os.Exit(e.code)
}
