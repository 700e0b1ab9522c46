package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/normalize"
	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	known   = &signal.Run{AcquisitionID: "known", FlowCellProductCode: "A", SampleRateHz: 4000}
	unknown = &signal.Run{AcquisitionID: "unknown", FlowCellProductCode: "B", SampleRateHz: 4000}
)

// tape is a source that plays prepared steps.
type tape struct {
	steps []step
	held  atomic.Int64 // blocks not released
	most  int64
}

type step struct {
	block *signal.Block
	err   error
}

func (t *tape) Next(ctx context.Context) (*signal.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(t.steps) == 0 {
		return nil, io.EOF
	}
	s := t.steps[0]
	t.steps = t.steps[1:]
	if s.err != nil {
		return nil, s.err
	}
	t.most = max(t.most, t.held.Add(1))
	b := s.block
	out := signal.NewBlock(b.Read, b.Offset, b.Samples, func() { t.held.Add(-1) })
	out.Last, out.GapBefore, out.Err, out.Lost = b.Last, b.GapBefore, b.Err, b.Lost
	return out, nil
}

// read adds a read of n samples in blocks of 500.
func (t *tape) read(run *signal.Run, ordinal, n int) *signal.Read {
	r := &signal.Read{ID: signal.ReadID{byte(ordinal), byte(ordinal >> 8), 1}, Run: run,
		Calibration: signal.Calibration{Scale: 0.1}, Origin: signal.Origin{Source: "tape", Ordinal: uint64(ordinal)}}
	rng := rand.New(rand.NewPCG(uint64(ordinal), 0))
	samples := make([]int16, n)
	for i := range samples {
		samples[i] = int16(400 + rng.IntN(300))
	}
	for at := 0; at == 0 || at < n; at += 500 {
		end := min(at+500, n)
		b := signal.NewBlock(r, uint64(at), samples[at:end], nil)
		b.Last = end == n
		t.steps = append(t.steps, step{block: b})
	}
	return r
}

// sumEncoder maps a chunk to numbers that follow from its samples, after a
// random pause, so that batches overtake each other.
type sumEncoder struct {
	jitter time.Duration
	delay  time.Duration
	fail   func(call int64) error
	calls  atomic.Int64
}

const testDim = 2

func (e *sumEncoder) Encode(_ context.Context, in *signal.Batch, out []float32) error {
	time.Sleep(e.delay)
	if e.jitter > 0 {
		time.Sleep(rand.N(e.jitter))
	}
	if n := e.calls.Add(1); e.fail != nil {
		if err := e.fail(n); err != nil {
			return err
		}
	}
	if len(out) != in.Len()*testDim || len(in.Samples) != in.Len()*in.Window {
		return fmt.Errorf("batch of %d×%d samples holds %d, room for %d values", in.Len(), in.Window, len(in.Samples), len(out))
	}
	for i := range in.Len() {
		out[i*testDim], out[i*testDim+1] = fingerprint(in.Samples[i*in.Window:(i+1)*in.Window]), in.Scale[i]
	}
	return nil
}
func (*sumEncoder) Model() embed.Model { return embed.Model{} }
func (*sumEncoder) Close() error       { return nil }

func fingerprint(samples []int16) float32 {
	var h uint32
	for _, s := range samples {
		h = h*31 + uint32(uint16(s))
	}
	return float32(h % (1 << 20))
}

// row is one vector as a sink saw it.
type row struct {
	Read  signal.ReadID
	Index uint32
	Start uint64
	Flags signal.Flags
	Value float32
}

// memory is a sink that acknowledges later, from another goroutine.
type memory struct {
	mu      sync.Mutex
	rows    []row
	pending sync.WaitGroup
	fail    func(put int) error // by call, from 1
	refuse  func(put int) error
	block   chan struct{}
	puts    int
	closed  int
}

func (m *memory) Put(ctx context.Context, e *signal.Embedded, done func(error)) error {
	if m.block != nil {
		select {
		case <-m.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	put := m.puts
	if m.refuse != nil {
		if err := m.refuse(put); err != nil {
			return err
		}
	}
	for i, c := range e.Chunks {
		m.rows = append(m.rows, row{c.Read.ID, c.Index, c.Start, c.Flags, e.Row(i)[0]})
	}
	m.pending.Add(1)
	go func() {
		defer m.pending.Done()
		if m.fail != nil {
			done(m.fail(put))
			return
		}
		done(nil)
	}()
	return nil
}
func (m *memory) Flush(context.Context) error { m.pending.Wait(); return nil }
func (m *memory) Close() error                { m.pending.Wait(); m.closed++; return nil }

func testConfig(src Source, out *memory, enc *sumEncoder) Config {
	n, err := normalize.New(normalize.MedMAD, 0, 0)
	if err != nil {
		panic(err)
	}
	line := &Line{
		Encoder:     enc,
		Segment:     segment.Config{Window: 400, Hop: 400, MinSamples: 100, LeaderSamples: 50},
		Normalize:   n,
		Recipe:      &signal.Recipe{ModelID: "test", Dim: testDim, Window: 400, Hop: 400},
		BatchChunks: 4,
	}
	return Config{
		Source: src,
		LineFor: func(_ context.Context, run *signal.Run) (*Line, error) {
			if run.FlowCellProductCode != "A" {
				return nil, embed.ErrNoModel
			}
			return line, nil
		},
		Sink: out, Workers: 3, BatchAge: time.Hour, Log: slog.New(slog.DiscardHandler),
	}
}

func run(t *testing.T, cfg Config) (Report, error) {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	report, err := p.Run(t.Context())
	if bad := report.Check(); bad != nil {
		t.Errorf("the accounting does not add up: %v\n%+v", bad, report)
	}
	if tape, ok := cfg.Source.(*tape); ok && tape.held.Load() != 0 {
		t.Errorf("%d blocks were not released", tape.held.Load())
	}
	if m, ok := cfg.Sink.(*memory); ok && m.closed != 1 {
		t.Errorf("the sink was closed %d times", m.closed)
	}
	return report, err
}

// mixed is a run with short, long, too short, corrupt and foreign reads.
func mixed() *tape {
	t := &tape{}
	for i := range 40 {
		switch i % 8 {
		case 1:
			t.read(known, i, 60) // too short
		case 3:
			t.read(known, i, 300) // short
		case 5:
			t.read(unknown, i, 900)
		case 6: // breaks off in the middle
			r := t.read(known, i, 1000)
			t.steps = t.steps[:len(t.steps)-1]
			t.steps = append(t.steps, step{block: &signal.Block{Read: r, Offset: 500, Last: true, Lost: 500,
				Err: &signal.Error{Class: signal.Corrupt, Op: "decode signal", Err: errors.New("broken frame")}}})
		case 7:
			lost := &signal.Error{Class: signal.Corrupt, Op: "open", File: "x.pod5", Err: errors.New("foreign")}
			if i == 7 {
				lost.ReadID = "a read of which nothing is known but its row"
			}
			t.steps = append(t.steps, step{err: lost})
		default:
			t.read(known, i, 950+i*40)
		}
	}
	return t
}

func TestOrderAndAccounting(t *testing.T) {
	var reference []row
	for _, c := range []struct {
		workers, batch int
		jitter         time.Duration
	}{{1, 1, 0}, {3, 4, 2 * time.Millisecond}, {8, 7, 5 * time.Millisecond}} {
		out := &memory{}
		src := mixed()
		cfg := testConfig(src, out, &sumEncoder{jitter: c.jitter})
		cfg.Workers = c.workers
		change(&cfg, func(l *Line) { l.BatchChunks = c.batch })
		report, err := run(t, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if reference == nil {
			reference = out.rows
		}
		if d := cmp.Diff(reference, out.rows); d != "" {
			t.Errorf("%d workers, batches of %d: other vectors or another order:\n%s", c.workers, c.batch, d)
		}
		want := map[segment.Reason]uint64{segment.TooShort: 5, segment.Corrupt: 5 + 1, NoModel: 5}
		if d := cmp.Diff(want, report.ReadsSkipped); d != "" {
			t.Errorf("reads skipped (-want +got):\n%s", d)
		}
		// 4 files, 1 lost and 5 broken reads, and once for all: the run without a model.
		if report.ErrorCount != 11 || report.Reads != 36 || report.Acknowledged != uint64(len(out.rows)) || len(out.rows) == 0 {
			t.Errorf("%d errors, %d reads, %d of %d rows acknowledged", report.ErrorCount, report.Reads, report.Acknowledged, len(out.rows))
		}
		if report.SamplesSkipped[NoModel] != 5*900 {
			t.Errorf("samples skipped: %v", report.SamplesSkipped)
		}
	}
}

func TestStoredChunksAreNotEmbeddedAgain(t *testing.T) {
	first := &memory{}
	if _, err := run(t, testConfig(mixed(), first, &sumEncoder{})); err != nil {
		t.Fatal(err)
	}
	half := len(first.rows) / 2
	seen := map[string]bool{}
	key := func(id signal.ReadID, index uint32) string { return fmt.Sprint(id, index) }
	for _, r := range first.rows[:half] {
		seen[key(r.Read, r.Index)] = true
	}
	second := &memory{}
	cfg := testConfig(mixed(), second, &sumEncoder{})
	cfg.Stored = func(_ context.Context, _ *signal.Recipe, c signal.Chunk) (bool, error) {
		return seen[key(c.Read.ID, c.Index)], nil
	}
	report, err := run(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first.rows[half:], second.rows); d != "" {
		t.Errorf("the rest differs:\n%s", d)
	}
	if report.ChunksStored != uint64(half) {
		t.Errorf("%d chunks known, want %d", report.ChunksStored, half)
	}
}

func TestFailuresAreCounted(t *testing.T) {
	boom := errors.New("boom")
	at := func(n int) func(int) error {
		return func(put int) error {
			if put >= n {
				return boom
			}
			return nil
		}
	}
	for name, build := range map[string]func(*memory, *sumEncoder){
		"encoder":     func(_ *memory, e *sumEncoder) { e.fail = func(n int64) error { return at(5)(int(n)) } },
		"put refused": func(m *memory, _ *sumEncoder) { m.refuse = at(5) },
		"not durable": func(m *memory, _ *sumEncoder) { m.fail = at(5) },
	} {
		t.Run(name, func(t *testing.T) {
			out, enc := &memory{}, &sumEncoder{}
			build(out, enc)
			report, err := run(t, testConfig(mixed(), out, enc))
			if !errors.Is(err, boom) || report.ChunksFailed == 0 {
				t.Errorf("error %v, %d chunks failed", err, report.ChunksFailed)
			}
		})
	}
}

func TestFatalSourceError(t *testing.T) {
	src := mixed()
	boom := errors.New("disk gone")
	src.steps = append(src.steps[:10:10], step{err: boom})
	report, err := run(t, testConfig(src, &memory{}, &sumEncoder{}))
	if !errors.Is(err, boom) || report.Samples == 0 {
		t.Errorf("error %v, %d samples", err, report.Samples)
	}
}

// endless never stops by itself.
type endless struct{ tape }

func (e *endless) Next(ctx context.Context) (*signal.Block, error) {
	if len(e.steps) == 0 {
		e.read(known, 1, 5000)
	}
	return e.tape.Next(ctx)
}

func TestStopDrains(t *testing.T) {
	src, out := &endless{}, &memory{}
	p, err := New(testConfig(src, out, &sumEncoder{}))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, p.Stop)
	report, err := p.Run(t.Context())
	if err != nil || report.Check() != nil || report.ChunksCancelled != 0 || report.Acknowledged == 0 {
		t.Errorf("error %v, check %v, report %+v", err, report.Check(), report)
	}
	if src.held.Load() != 0 {
		t.Errorf("%d blocks were not released", src.held.Load())
	}
}

// patient plays a tape and then waits for more, as a source that watches does.
type patient struct{ tape }

func (w *patient) Next(ctx context.Context) (*signal.Block, error) {
	if len(w.steps) > 0 {
		return w.tape.Next(ctx)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStopEndsWaiting(t *testing.T) {
	src, out := &patient{}, &memory{}
	src.read(known, 1, 5000)
	p, err := New(testConfig(src, out, &sumEncoder{}))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, p.Stop)
	report, err := p.Run(t.Context())
	if err != nil || report.Check() != nil || report.ChunksCancelled != 0 {
		t.Errorf("error %v, check %v, report %+v", err, report.Check(), report)
	}
}

func TestCancelCountsTheRest(t *testing.T) {
	src, out := &endless{}, &memory{block: make(chan struct{})} // a sink that never accepts
	p, err := New(testConfig(src, out, &sumEncoder{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	report, err := p.Run(ctx)
	if !errors.Is(err, context.Canceled) || report.Check() != nil || report.ChunksCancelled == 0 || report.Acknowledged != 0 {
		t.Errorf("error %v, check %v, report %+v", err, report.Check(), report)
	}
	if src.held.Load() != 0 {
		t.Errorf("%d blocks were not released", src.held.Load())
	}
}

func TestSlowSinkSlowsTheSource(t *testing.T) {
	src, out := &endless{}, &memory{block: make(chan struct{})}
	cfg := testConfig(src, out, &sumEncoder{})
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	report, _ := p.Run(ctx)
	// All jobs, the block being cut and those in the channel are what can be
	// under way.
	if most := uint64((2*cfg.Workers + 2) * 4); report.Chunks > most+1 {
		t.Errorf("%d chunks were cut while the sink stood still; %d can be under way", report.Chunks, most)
	}
}

// Each kind of run fills a batch of its own; more kinds than there are batches
// must not wait for each other.
func TestMoreKindsOfRunsThanBatches(t *testing.T) {
	src, out := &tape{}, &memory{}
	for i := range 12 {
		kind := *known
		kind.SequencingKit = fmt.Sprint("kit ", i)
		src.read(&kind, i, 500)
	}
	cfg := testConfig(src, out, &sumEncoder{})
	cfg.Workers = 1
	report, err := run(t, cfg)
	if err != nil || report.Acknowledged != 24 {
		t.Errorf("error %v, %d chunks acknowledged, want 24", err, report.Acknowledged)
	}
}

// partial is a sink that remembers whether it holds the whole.
type partial struct {
	memory
	kept bool
}

func (p *partial) KeepPartial() { p.kept = true }

func TestOnlyAWholeRunGivesAWholeFile(t *testing.T) {
	for name, c := range map[string]struct {
		steps  []step
		encode func(int64) error
		stop   bool
		atRest func() bool
		kept   bool
	}{
		"whole":         {},
		"stopped":       {stop: true, kept: true},
		"stopped early": {stop: true, atRest: func() bool { return false }, kept: true},
		"at rest":       {stop: true, atRest: func() bool { return true }},
		"fails at rest": {steps: []step{{err: errors.New("disk gone")}}, atRest: func() bool { return true }, kept: true},
		"source fails":  {steps: []step{{err: errors.New("disk gone")}}, kept: true},
		"encoder fails": {encode: func(int64) error { return errors.New("boom") }, kept: true},
		"corrupt in it": {steps: []step{{err: &signal.Error{Class: signal.Corrupt, Err: errors.New("foreign")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			src, out := &tape{}, &partial{}
			src.read(known, 1, 3000)
			src.steps = append(src.steps, c.steps...)
			cfg := testConfig(src, &memory{}, &sumEncoder{fail: c.encode})
			cfg.Sink, cfg.AtRest = out, c.atRest
			p, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if c.stop {
				p.Stop()
			}
			_, _ = p.Run(t.Context()) // how it ends is what other tests look at
			if out.kept != c.kept {
				t.Errorf("kept as partial: %v, want %v", out.kept, c.kept)
			}
		})
	}
}

func TestALineThatCannotBeMadeEndsTheRun(t *testing.T) {
	broken := errors.New("no such device")
	cfg := testConfig(mixed(), &memory{}, &sumEncoder{})
	cfg.LineFor = func(context.Context, *signal.Run) (*Line, error) { return nil, broken }
	if _, err := run(t, cfg); !errors.Is(err, broken) || !errors.Is(err, ErrEncode) {
		t.Errorf("got %v", err)
	}
}

func TestDeadlineSendsAPartialBatch(t *testing.T) {
	out := &memory{}
	src := &waiting{arrived: make(chan struct{})}
	src.read(known, 1, 500) // one chunk of a batch of four
	cfg := testConfig(src, out, &sumEncoder{})
	cfg.BatchAge = time.Millisecond
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for p.Progress().Acknowledged == 0 {
			time.Sleep(time.Millisecond)
		}
		close(src.arrived)
	}()
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// waiting ends only when told that its vectors have arrived.
type waiting struct {
	tape
	arrived chan struct{}
}

func (w *waiting) Next(ctx context.Context) (*signal.Block, error) {
	if len(w.steps) == 0 {
		<-w.arrived
	}
	return w.tape.Next(ctx)
}

func TestValidateNamesEveryProblem(t *testing.T) {
	err := Config{Speed: -1}.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 4 {
		t.Errorf("got %v", err)
	}
}
