package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testDim = 8

var testRecipe = &signal.Recipe{
	ModelID: "model@v1", ModelDigest: strings.Repeat("0123456789abcdef", 4), Normalization: "pa",
	Window: 4096, Hop: 4096, Dim: testDim, DType: wire.Float32, Version: "test",
}

func testRun(id string) *signal.Run {
	return &signal.Run{AcquisitionID: id, Position: "X1", FlowCellID: "FAX1", SequencingKit: "kit", SampleRateHz: 5000}
}

// reads gives the chunks of reads [from, to) of a source, each of per chunks.
func reads(run *signal.Run, source string, from, to, per int) []signal.Chunk {
	var chunks []signal.Chunk
	for ordinal := from; ordinal < to; ordinal++ {
		read := &signal.Read{Run: run, Channel: uint16(ordinal%512 + 1), Origin: signal.Origin{Source: source, Ordinal: uint64(ordinal)}}
		copy(read.ID[:], fmt.Sprintf("%016d", ordinal))
		for i := range per {
			chunks = append(chunks, signal.Chunk{Read: read, Index: uint32(i), Start: uint64(i) * 4096, Samples: 4096})
		}
	}
	return chunks
}

func vectorsOf(recipe *signal.Recipe, chunks []signal.Chunk) *signal.Embedded {
	e := &signal.Embedded{Recipe: recipe, Chunks: chunks, Dim: recipe.Dim, Vectors: make([]float32, len(chunks)*recipe.Dim)}
	for i, c := range chunks {
		e.Vectors[i*recipe.Dim] = float32(c.Read.Origin.Ordinal)
		e.Vectors[i*recipe.Dim+1] = float32(c.Index)
	}
	return e
}

// settled counts what done was told.
type settled struct {
	mu      sync.Mutex
	ok      int
	failed  []error
	pending int
}

func (s *settled) done() func(error) {
	s.mu.Lock()
	s.pending++
	s.mu.Unlock()
	var once atomic.Bool
	return func(err error) {
		if once.Swap(true) {
			panic("done was called twice")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pending--
		if err != nil {
			s.failed = append(s.failed, err)
		} else {
			s.ok++
		}
	}
}

func (s *settled) check(t *testing.T, ok, failed int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ok != ok || len(s.failed) != failed || s.pending != 0 {
		t.Errorf("%d durable, %d failed (%v), %d pending; want %d, %d, 0", s.ok, len(s.failed), s.failed, s.pending, ok, failed)
	}
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	if cfg.Rig == "" {
		cfg.Rig = "rig"
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// put hands over chunks, at most size at once, and flushes.
func put(t testing.TB, s *Sink, recipe *signal.Recipe, chunks []signal.Chunk, size int, done func() func(error)) {
	t.Helper()
	for len(chunks) > 0 {
		n := min(size, len(chunks))
		if err := s.Put(t.Context(), vectorsOf(recipe, chunks[:n]), done()); err != nil {
			t.Fatal(err)
		}
		chunks = chunks[n:]
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// all reads what a subscription gives until its end.
func all(t testing.TB, cfg SubscribeConfig) []*Message {
	t.Helper()
	cfg.End = true
	sub, err := Subscribe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var messages []*Message
	for {
		m, err := sub.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return messages
		}
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
}

// checkStored compares a stream with the chunks it must hold, once and in order.
func checkStored(t *testing.T, messages []*Message, want []signal.Chunk) {
	t.Helper()
	i := 0
	for _, m := range messages {
		for r := range m.Batch.Len() {
			row := m.Batch.Row(r)
			if i == len(want) {
				t.Fatalf("more than %d rows", i)
			}
			c := want[i]
			if row.ReadID != c.Read.ID || row.Chunk != c.Index || row.Vector[0] != float32(c.Read.Origin.Ordinal) || row.Vector[1] != float32(c.Index) {
				t.Fatalf("row %d is read %v chunk %d with %v, want read %v chunk %d", i, row.ReadID, row.Chunk, row.Vector, c.Read.ID, c.Index)
			}
			if m.Batch.Run.AcquisitionID != c.Read.Run.AcquisitionID {
				t.Fatalf("row %d is of run %s, want %s", i, m.Batch.Run.AcquisitionID, c.Read.Run.AcquisitionID)
			}
			i++
		}
	}
	if i != len(want) {
		t.Fatalf("%d rows, want %d", i, len(want))
	}
}

func TestExactlyOnceInOrder(t *testing.T) {
	store := t.TempDir()
	s := open(t, Config{Store: store, MaxBytes: 4 << 10})
	chunks := reads(testRun("run"), "a.pod5", 0, 2000, 5)
	var fate settled
	put(t, s, testRecipe, chunks, 7, fate.done)
	fate.check(t, (len(chunks)+6)/7, 0)
	stats := s.Stats()
	if stats.Rows != 10000 || stats.Messages < 100 || stats.Retries != 0 {
		t.Errorf("stats %+v", stats)
	}
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks)
}

// A second run begins at the file's first read, with other cuts, and also without
// asking what is stored.
func TestReplayAddsNothing(t *testing.T) {
	store := t.TempDir()
	run := testRun("run")
	chunks := reads(run, "a.pod5", 0, 60, 5)
	s := open(t, Config{Store: store, MaxBytes: 1 << 10})
	var fate settled
	put(t, s, testRecipe, chunks[:123], 10, fate.done)
	s.Close()

	s = open(t, Config{Store: store, MaxBytes: 3 << 10})
	for i, c := range chunks {
		stored, err := s.Stored(t.Context(), testRecipe, c)
		if err != nil || stored != (i < 123) {
			t.Fatalf("chunk %d: stored %v, %v", i, stored, err)
		}
	}
	fate = settled{}
	put(t, s, testRecipe, chunks, 17, fate.done)
	fate.check(t, (300+16)/17, 0)
	put(t, s, testRecipe, chunks[200:], 100, fate.done) // and in one process
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks)
}

// Close without Flush is what a kill leaves: a part of what was accepted.
func TestInterrupted(t *testing.T) {
	store := t.TempDir()
	chunks := reads(testRun("run"), "a.pod5", 0, 300, 3)
	for range 3 {
		s := open(t, Config{Store: store, MaxBytes: 1 << 10})
		var fate settled
		puts := 0
		for i := 0; i < len(chunks); i += 30 {
			if err := s.Put(t.Context(), vectorsOf(testRecipe, chunks[i:i+30]), fate.done()); err != nil {
				t.Fatal(err)
			}
			puts++
		}
		s.Close()
		fate.check(t, fate.ok, puts-fate.ok)
		for _, err := range fate.failed {
			if signal.ClassOf(err) != signal.Cancelled {
				t.Fatal(err)
			}
		}
		if err := s.Put(t.Context(), vectorsOf(testRecipe, chunks[:1]), nil); err == nil {
			t.Error("a closed sink accepts")
		}
		s.Close() // a second time does nothing
	}
	s := open(t, Config{Store: store})
	put(t, s, testRecipe, chunks, 50, new(settled).done)
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks)
}

// Messages mix neither runs nor sources nor recipes, and their checkpoints are
// apart.
func TestTracksAreApart(t *testing.T) {
	store := t.TempDir()
	runs := []*signal.Run{testRun("run1"), testRun("run2")}
	halved := *testRecipe
	halved.DType = wire.Float16
	s := open(t, Config{Store: store})
	var mixed []signal.Chunk
	for i := range 10 {
		mixed = append(mixed, reads(runs[i%2], "merged.pod5", i, i+1, 2)...)
	}
	put(t, s, testRecipe, mixed, 100, new(settled).done)
	put(t, s, testRecipe, reads(runs[0], "a file/ü.pod5", 0, 2, 2), 100, new(settled).done)
	put(t, s, &halved, mixed, 100, new(settled).done)
	s.Close()

	var first []signal.Chunk
	for _, c := range mixed {
		if c.Read.Run == runs[0] {
			first = append(first, c)
		}
	}
	messages := all(t, SubscribeConfig{Store: store, Run: "run1"})
	want := append(append(append([]signal.Chunk(nil), first...), reads(runs[0], "a file/ü.pod5", 0, 2, 2)...), first...)
	checkStored(t, messages, want)
	if last := messages[len(messages)-1].Batch.Recipe.DType; last != wire.Float16 {
		t.Errorf("the last message is of %s", last)
	}
	if len(all(t, SubscribeConfig{Store: store, Position: "X1", Rig: "rig"})) != len(all(t, SubscribeConfig{Store: store})) {
		t.Error("filter by rig and position misses messages")
	}
	if len(all(t, SubscribeConfig{Store: store, Position: "X2"})) != 0 {
		t.Error("filter by position lets others through")
	}

	s = open(t, Config{Store: store})
	other := *testRecipe
	other.Hop = 2048
	for name, question := range map[string]struct {
		recipe *signal.Recipe
		chunk  signal.Chunk
		want   bool
	}{
		"stored":       {testRecipe, mixed[0], true},
		"escaped":      {testRecipe, reads(runs[0], "a file/ü.pod5", 1, 2, 2)[1], true},
		"later":        {testRecipe, reads(runs[0], "a file/ü.pod5", 2, 3, 1)[0], false},
		"other hop":    {&other, mixed[0], false},
		"other source": {testRecipe, reads(runs[0], "c.pod5", 0, 1, 1)[0], false},
		"other run":    {testRecipe, reads(testRun("run3"), "merged.pod5", 0, 1, 1)[0], false},
		"live":         {testRecipe, reads(runs[0], "", 0, 1, 1)[0], false},
	} {
		if got, err := s.Stored(t.Context(), question.recipe, question.chunk); err != nil || got != question.want {
			t.Errorf("%s: stored %v, %v; want %v", name, got, err, question.want)
		}
	}
}

// The server would take equal ids on two subjects for one message.
func TestOtherRigIsStored(t *testing.T) {
	store := t.TempDir()
	chunks := reads(testRun("run"), "a.pod5", 0, 3, 3)
	for _, rig := range []string{"rig1", "rig2"} {
		s := open(t, Config{Store: store, Rig: rig})
		put(t, s, testRecipe, chunks, 100, new(settled).done)
		s.Close()
		checkStored(t, all(t, SubscribeConfig{Store: store, Rig: rig}), chunks)
	}
}

// The server remembers ids of messages that were deleted.
func TestPurgedIsStoredAgain(t *testing.T) {
	store := t.TempDir()
	chunks := reads(testRun("run"), "a.pod5", 0, 3, 3)
	s := open(t, Config{Store: store})
	put(t, s, testRecipe, chunks, 100, new(settled).done)
	if err := s.link.stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, Config{Store: store})
	put(t, s, testRecipe, chunks, 100, new(settled).done)
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: store}), chunks)
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{
		{},
		{Store: "x", Listen: "0.0.0.0:4222"},
		{Store: "x", Listen: ":4222"},
		{Store: "x", Listen: "example.org:4222"},
		{Store: "x", Listen: "127.0.0.1:99999"},
		{URL: "nats://h:1", Listen: "127.0.0.1:4222"},
		{Store: "x", MaxBytes: 1 << 20},
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	for _, good := range []string{"127.0.0.1:0", "localhost:4222", "[::1]:4222"} {
		if err := (Config{Store: "x", Listen: good}).Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	store := t.TempDir()
	if _, err := Open(t.Context(), Config{Store: store, Listen: taken.Addr().String()}); err == nil {
		t.Error("opened with a port that is taken")
	}
	if _, err := Open(t.Context(), Config{URL: "nats://127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "is the server running") {
		t.Errorf("no server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{Store: store}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	open(t, Config{Store: store}) // none of them kept the lock
	if _, err := Subscribe(t.Context(), SubscribeConfig{Store: store + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no store: %v", err)
	}
}

func TestPutRefuses(t *testing.T) {
	s := open(t, Config{Store: t.TempDir(), InFlight: 1 << 10})
	torn := vectorsOf(testRecipe, reads(testRun("run"), "a.pod5", 0, 2, 2))
	torn.Vectors = torn.Vectors[1:]
	if err := s.Put(t.Context(), torn, nil); err == nil {
		t.Error("vectors of the wrong length are accepted")
	}
	var fate settled
	if err := s.Put(t.Context(), vectorsOf(testRecipe, nil), fate.done()); err != nil {
		t.Fatal(err)
	}
	fate.check(t, 1, 0)
	// More than InFlight at once must not wait for ever.
	put(t, s, testRecipe, reads(testRun("run"), "a.pod5", 0, 100, 2), 200, new(settled).done)
}

func TestHeaders(t *testing.T) {
	s := open(t, Config{Store: t.TempDir(), Choice: checkpoint.Choice{Subset: "first ten"}})
	put(t, s, testRecipe, reads(testRun("run"), "a b.pod5", 7, 9, 3), 10, new(settled).done)
	put(t, s, testRecipe, reads(testRun("run"), "", 7, 8, 1), 10, new(settled).done)
	for sequence, want := range map[uint64]string{
		1: "a%20b.pod5~first-ten/0.0-8.2/0123456789abcdef/w4096h4096d8/float32",
		2: "live/30303030303030303030303030303037.0-30303030303030303030303030303037.0/0123456789abcdef/w4096h4096d8/float32",
	} {
		msg, err := s.link.stream.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		if got := msg.Header.Get(HeaderBatch); got != want {
			t.Errorf("batch %s, want %s", got, want)
		}
		id := "porevec.v1.rig.X1.run.emb/" + want
		if strings.HasPrefix(want, "live/") {
			id = ""
		}
		if got := msg.Header.Get(nats.MsgIdHdr); got != id {
			t.Errorf("id %q, want %q", got, id)
		}
		if msg.Header.Get(HeaderSchema) != "1" || msg.Header.Get(HeaderContentType) != wire.ContentType {
			t.Errorf("headers %v", msg.Header)
		}
	}
}

func TestStat(t *testing.T) {
	s := open(t, Config{Store: t.TempDir()})
	sub, err := s.link.conn.SubscribeSync("porevec.v1.*.*.*.stat")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PublishStat(testRun("run"), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsgWithContext(t.Context())
	if err != nil || msg.Subject != "porevec.v1.rig.X1.run.stat" {
		t.Fatal(msg, err)
	}
	if _, err := s.link.stream.GetLastMsgForSubject(t.Context(), msg.Subject); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("a state is stored: %v", err)
	}
}

func BenchmarkPublish(b *testing.B) {
	recipe := *testRecipe
	recipe.Dim, recipe.DType = 128, wire.Float16
	s := open(b, Config{Store: b.TempDir()})
	run := testRun("run")
	const size = 256
	b.SetBytes(int64(size * wire.RowBytes(&recipe)))
	b.ReportAllocs()
	ordinal := 0
	for b.Loop() {
		if err := s.Put(b.Context(), vectorsOf(&recipe, reads(run, "a.pod5", ordinal, ordinal+size, 1)), func(error) {}); err != nil {
			b.Fatal(err)
		}
		ordinal += size
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(ordinal)/b.Elapsed().Seconds(), "rows/s")
}
