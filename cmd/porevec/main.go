// Porevec turns the raw current of nanopore sequencers into embeddings while it
// is being measured. See "porevec help".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func main() {
	err := newRoot().ExecuteContext(context.Background())
	if err == nil {
		return
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitFailure, err: err}
	}
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "porevec:", e.err)
	}
	os.Exit(e.code)
}
