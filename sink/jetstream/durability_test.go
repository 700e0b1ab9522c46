package jetstream

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
)

// owing is a Put of one row that waits to be settled.
func owing(done func(error)) []checkpoint.Owed {
	var m checkpoint.Message
	m.Owe(checkpoint.NewDebt(1, done))
	return m.Owed()
}

// Nothing is settled before a sync that began after it was stored has ended.
func TestWatermark(t *testing.T) {
	release := make(chan error)
	w := &watermark{sync: func() error { return <-release }}
	var settled []int
	put := func(n int) []checkpoint.Owed {
		return owing(func(err error) {
			if err == nil {
				settled = append(settled, n)
			}
		})
	}
	w.begin()
	if w.synced != nil {
		t.Error("a sync of nothing is under way")
	}
	w.add(put(1))
	w.add(put(2))
	w.begin()
	w.add(put(3)) // the sync may have missed it
	w.begin()     // one at a time
	if len(settled) != 0 {
		t.Errorf("%v settled before the sync has ended", settled)
	}
	release <- nil
	if err := w.end(<-w.synced); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(settled, []int{1, 2}) {
		t.Errorf("%v settled by the first sync, want 1 and 2", settled)
	}
	w.begin()
	w.add(put(4))
	go func() { release <- nil; release <- nil }()
	if err := w.finish(); err != nil || !slices.Equal(settled, []int{1, 2, 3, 4}) {
		t.Errorf("%v settled in the end, %v", settled, err)
	}
}

// After a failed sync nothing is taken for durable any more: not what it covered, not what
// was stored meanwhile, nor what comes later, though the next sync would succeed.
func TestWatermarkFails(t *testing.T) {
	syncs := 0
	w := &watermark{sync: func() error {
		if syncs++; syncs == 1 {
			return errors.New("input/output error")
		}
		return nil
	}}
	told := make(map[string]error)
	put := func(when string) { w.add(owing(func(err error) { told[when] = err })) }
	put("before")
	w.begin()
	put("meanwhile")
	if err := w.end(<-w.synced); signal.ClassOf(err) != signal.Fatal {
		t.Errorf("the sync gave %v", err)
	}
	put("later")
	if err := w.finish(); err == nil {
		t.Error("all is durable in the end")
	}
	for _, when := range []string{"before", "meanwhile", "later"} {
		if told[when] == nil {
			t.Errorf("what was stored %s is durable", when)
		}
	}
}

func TestGroup(t *testing.T) {
	if !canSyncFileSystem {
		if err := (Config{Store: "x", Durability: Group}).Validate(); err == nil {
			t.Error("passes")
		}
		return
	}
	store := t.TempDir()
	chunks := reads(testRun("run"), "a.pod5", 0, 500, 4)
	s := open(t, Config{Store: store, Durability: Group, SyncInterval: time.Millisecond, MaxBytes: 2 << 10})
	var fate settled
	put(t, s, testRecipe, chunks[:1000], 10, fate.done)
	fate.check(t, 100, 0)
	// What comes without a Flush is settled all the same.
	fate = settled{}
	for i := 1000; i < 2000; i += 10 {
		if err := s.Put(t.Context(), vectorsOf(testRecipe, chunks[i:i+10]), fate.done()); err != nil {
			t.Fatal(err)
		}
	}
	for waiting := true; waiting; time.Sleep(time.Millisecond) {
		fate.mu.Lock()
		waiting = fate.pending > 0
		fate.mu.Unlock()
	}
	fate.check(t, 100, 0)
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks)
	for _, bad := range []Config{{URL: "nats://h:1", Durability: Group}, {Store: "x", Durability: "never"}} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}
