package jetstream

import (
	"fmt"

	"github.com/porevec/porevec/internal/broker"
	"github.com/porevec/porevec/signal"
)

// Space that is left alone: a file system that runs full leaves the server unable
// to write until it is restarted.
const (
	spareBytes = 2 << 30
	spareShare = 20 // one part in 20 of small file systems
	roomStep   = 1 << 20
)

// checkSpace says that a file system has too little left; least is in bytes, and 0
// the usual reserve.
func checkSpace(store string, least int64) error {
	size, free, err := broker.DiskSpace(store)
	if err != nil {
		return nil // where space cannot be asked for, the server will tell
	}
	reserve := min(spareBytes, size/spareShare)
	if least > 0 {
		reserve = uint64(least)
	}
	if free >= reserve {
		return nil
	}
	return &signal.Error{Class: signal.Transient, Op: "publish", Err: fmt.Errorf(
		"the disk of store %s has %d MB left, and %d are kept free: free some space, and it goes on", store, free>>20, reserve>>20)}
}
