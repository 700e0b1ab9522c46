package jetstream

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/porevec/porevec/signal"
)

// Several may write to a subject at once: other files, or the same ones.
func TestSeveralWriters(t *testing.T) {
	a := open(t, Config{Store: t.TempDir(), Listen: "127.0.0.1:0", MaxBytes: 1 << 10})
	run := testRun("run")
	var want []signal.Chunk
	var wg sync.WaitGroup
	for i, source := range []string{"a.pod5", "b.pod5", "b.pod5", "b.pod5"} {
		chunks := reads(run, source, 0, 200, 3)
		if i < 2 {
			want = append(want, chunks...)
		}
		s := open(t, Config{URL: a.URL(), MaxBytes: 1<<10 + i*300})
		wg.Go(func() {
			for len(chunks) > 0 {
				if err := s.Put(t.Context(), vectorsOf(testRecipe, chunks[:10]), func(err error) {
					if err != nil {
						t.Error(err)
					}
				}); err != nil {
					t.Error(err)
				}
				chunks = chunks[10:]
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	type id struct { // the same in both sources
		read  signal.ReadID
		chunk uint32
	}
	seen := make(map[id]int)
	for _, m := range all(t, SubscribeConfig{URL: a.URL()}) {
		for r := range m.Batch.Len() {
			row := m.Batch.Row(r)
			seen[id{row.ReadID, row.Chunk}]++
		}
	}
	if len(seen) != len(want)/2 {
		t.Errorf("%d chunks, want %d", len(seen), len(want)/2)
	}
	for key, n := range seen {
		if n != 2 {
			t.Fatalf("%v is there %d times, want once for each of two sources", key, n)
		}
	}
	// A later writer finds all of it stored, whoever did it.
	late := open(t, Config{URL: a.URL()})
	for _, c := range want {
		if stored, err := late.Stored(t.Context(), testRecipe, c); err != nil || !stored {
			t.Fatalf("%s %d.%d: stored %v, %v", c.Read.Origin.Source, c.Read.Origin.Ordinal, c.Index, stored, err)
		}
	}
}

// What has no places cannot be shared: the second one that follows a live run is told,
// unless the first has only just died.
func TestSecondLiveWriter(t *testing.T) {
	a := open(t, Config{Store: t.TempDir(), Listen: "127.0.0.1:0"})
	b := open(t, Config{URL: a.URL()})
	run := testRun("run")
	put(t, a, testRecipe, reads(run, "", 0, 1, 2), 10, new(settled).done)
	put(t, b, testRecipe, reads(run, "", 1, 2, 2), 10, new(settled).done)
	put(t, a, testRecipe, reads(run, "", 2, 3, 2), 10, new(settled).done)
	b.opened = time.Now().Add(-time.Hour)
	var fate settled
	if err := b.Put(t.Context(), vectorsOf(testRecipe, reads(run, "", 3, 4, 2)), fate.done()); err != nil {
		t.Fatal(err)
	}
	err := b.Flush(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another porevec follows") || signal.ClassOf(err) != signal.Fatal {
		t.Errorf("flush gave %v", err)
	}
	fate.check(t, 0, 1)
	if err := b.Put(t.Context(), vectorsOf(testRecipe, reads(run, "", 4, 5, 2)), nil); err == nil {
		t.Error("put after a fatal failure is accepted")
	}
	// Files of the same run may be embedded meanwhile.
	put(t, a, testRecipe, reads(run, "a.pod5", 0, 1, 2), 10, new(settled).done)
	checkStored(t, all(t, SubscribeConfig{URL: a.URL()}), slices.Concat(reads(run, "", 0, 3, 2), reads(run, "a.pod5", 0, 1, 2)))
}
