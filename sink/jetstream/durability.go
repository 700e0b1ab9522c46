package jetstream

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
)

// Durability says when the server in this process has a vector on disk.
type Durability string

const (
	// Always syncs each message before it is acknowledged, and before any subscriber
	// sees it.
	Always Durability = "always"
	// Group syncs once in an interval, and acknowledges then. What a subscriber saw
	// in the last interval before a power cut may come again.
	Group Durability = "group"
)

func (d Durability) validate() error {
	switch {
	case d != Always && d != Group:
		return fmt.Errorf("durability %q: must be %s or %s", d, Always, Group)
	case d == Group && !canSyncFileSystem:
		return fmt.Errorf("durability %s needs Linux, and this is %s: take %s", Group, runtime.GOOS, Always)
	}
	return nil
}

// watermark holds back, in mode Group, what the server has stored until a sync of the
// store's file system has passed it. It belongs to the publisher's goroutine, which
// waits for the one that syncs.
type watermark struct {
	sync    func() error
	tick    *time.Ticker
	waiting []checkpoint.Owed // stored since the last sync began
	under   []checkpoint.Owed // stored before the sync that is under way began
	synced  chan error
	failed  error // of a sync: nothing passes any more
	close   func()
}

// newWatermark is nil in mode Always.
func newWatermark(cfg Config) (*watermark, error) {
	if cfg.URL != "" || cfg.Durability != Group {
		return nil, nil
	}
	store, err := os.Open(cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// The stream itself: the server does not sync what it makes at its creation.
	if err := syncFileSystem(store); err != nil {
		return nil, errors.Join(fmt.Errorf("sync store: %w", err), store.Close())
	}
	tick := time.NewTicker(cfg.SyncInterval)
	return &watermark{
		tick:  tick,
		sync:  func() error { return syncFileSystem(store) },
		close: func() { tick.Stop(); _ = store.Close() },
	}, nil
}

// add holds what was stored back.
func (w *watermark) add(stored []checkpoint.Owed) {
	if w.failed != nil {
		checkpoint.Settle(stored, w.failed)
		return
	}
	w.waiting = append(w.waiting, stored...)
}

// begin starts a sync, unless there is nothing to do or one is under way.
func (w *watermark) begin() {
	if w.synced != nil || len(w.waiting) == 0 {
		return
	}
	w.under, w.waiting = w.waiting, w.under[:0]
	done := make(chan error, 1)
	w.synced = done
	go func() { done <- w.sync() }()
}

// end settles what a sync has passed.
func (w *watermark) end(err error) error {
	w.synced = nil
	if err != nil {
		// The kernel forgets pages that it could not write, also those stored while the sync
		// was under way: a second sync would succeed without them.
		w.failed = &signal.Error{Class: signal.Fatal, Op: "sync store", Err: fmt.Errorf(
			"%w: the disk could not keep what was written; check it, and run the same command again", err)}
	}
	checkpoint.Settle(w.under, w.failed)
	clear(w.under)
	if w.failed != nil {
		checkpoint.Settle(w.waiting, w.failed)
		w.waiting = nil
	}
	return w.failed
}

// finish passes everything.
func (w *watermark) finish() error {
	for {
		w.begin()
		if w.synced == nil {
			return w.failed
		}
		if err := w.end(<-w.synced); err != nil {
			return err
		}
	}
}
