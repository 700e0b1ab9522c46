package jetstream

import (
	"fmt"

	"github.com/porevec/porevec/internal/broker"
	"github.com/porevec/porevec/signal"
)

// roomStep is how many bytes are stored before space is asked for again.
const roomStep = 1 << 20

// checkSpace says that a file system has too little left; least is in bytes, and 0
// the usual reserve.
func checkSpace(store string, least int64) error {
	free, reserve, err := broker.Space(store, least)
	if err != nil || free >= reserve {
		return nil // where space cannot be asked for, the server will tell
	}
	return &signal.Error{Class: signal.Transient, Op: "publish", Err: fmt.Errorf(
		"the disk of store %s has %d MB left, and %d are kept free: free some space, and it goes on", store, free>>20, reserve>>20)}
}
