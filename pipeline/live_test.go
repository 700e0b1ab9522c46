package pipeline

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/porevec/porevec/segment"
	"github.com/porevec/porevec/signal"
)

// feed is a live source: it plays ticks, each with a block of every channel, at its
// own pace.
type feed struct {
	channels, ticks int
	tick            time.Duration
	samples         []int16
	at              int
	begin           time.Time
}

func (f *feed) Next(ctx context.Context) (*signal.Block, error) {
	tick, channel := f.at/f.channels, f.at%f.channels
	if tick == f.ticks {
		return nil, io.EOF
	}
	if f.at == 0 {
		f.begin = time.Now()
	}
	due := f.begin.Add(time.Duration(tick) * f.tick)
	select {
	case <-time.After(time.Until(due)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.at++
	read := &signal.Read{ID: signal.ReadID{1, byte(channel), byte(channel >> 8)}, Run: known, Channel: uint16(channel + 1),
		Calibration: signal.Calibration{Scale: 0.1}}
	b := signal.NewBlock(read, uint64(tick*len(f.samples)), f.samples, nil)
	b.Received = time.Now()
	b.Last = tick == f.ticks-1
	return b, nil
}

// newFeed gives one chunk of 200 samples per channel and tick.
func newFeed(channels, ticks int, tick time.Duration) *feed {
	f := &feed{channels: channels, ticks: ticks, tick: tick, samples: make([]int16, 200)}
	for i := range f.samples {
		f.samples[i] = int16(400 + i*37%300)
	}
	return f
}

// change changes all lines.
func change(cfg *Config, how func(*Line)) {
	lineFor := cfg.LineFor
	cfg.LineFor = func(ctx context.Context, run *signal.Run) (*Line, error) {
		line, err := lineFor(ctx, run)
		if err == nil {
			how(line)
		}
		return line, err
	}
}

// cut makes all lines cut this way.
func cut(cfg *Config, how segment.Config) { change(cfg, func(l *Line) { l.Segment = how }) }

func TestOverloadIsShedFairly(t *testing.T) {
	f := newFeed(40, 200, 4*time.Millisecond)
	out := &memory{}
	cfg := testConfig(f, out, &sumEncoder{delay: 4 * time.Millisecond})
	cfg.Workers, cfg.Backlog, cfg.BatchAge = 1, 60, 2*time.Millisecond
	change(&cfg, func(l *Line) { l.BatchChunks = 8 })
	cut(&cfg, segment.Config{Window: 200, Hop: 200, MinSamples: 100})
	report, err := run(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Chunks != 8000 || report.ChunksShed < 200 || report.Acknowledged < 100 ||
		report.SamplesSkipped[Shed] != 200*report.ChunksShed {
		t.Fatalf("%d chunks: %d acknowledged, %d shed with %d samples", report.Chunks, report.Acknowledged, report.ChunksShed, report.SamplesSkipped[Shed])
	}
	if len(report.Channels) != 40 {
		t.Fatalf("%d channels", len(report.Channels))
	}
	least, most, sum := report.Chunks, uint64(0), uint64(0)
	for _, share := range report.Channels {
		if share.Chunks != 200 {
			t.Errorf("%d chunks of a channel were cut, want 200", share.Chunks)
		}
		least, most, sum = min(least, share.Shed), max(most, share.Shed), sum+share.Shed
	}
	if most-least > 2 || sum != report.ChunksShed {
		t.Errorf("equal channels lost %d to %d chunks, %d of %d together", least, most, sum, report.ChunksShed)
	}
	if report.Latency.Count != report.Acknowledged || report.Latency.Quantile(0.5) <= 0 || report.Latency.Quantile(0.5) > report.Latency.Longest {
		t.Errorf("latency of %d chunks, median %v of at most %v", report.Latency.Count, report.Latency.Quantile(0.5), report.Latency.Longest)
	}
}

func TestNothingIsShedInTime(t *testing.T) {
	f := newFeed(10, 10, time.Millisecond)
	cfg := testConfig(f, &memory{}, &sumEncoder{})
	cfg.Backlog = 1000
	cut(&cfg, segment.Config{Window: 200, Hop: 200, MinSamples: 100})
	report, err := run(t, cfg)
	if err != nil || report.ChunksShed != 0 || report.Acknowledged != 100 {
		t.Errorf("%d shed, %d acknowledged, %v", report.ChunksShed, report.Acknowledged, err)
	}
}

// A source that may not wait is read although the sink hangs.
func TestAHangingSinkStopsNoLiveFeed(t *testing.T) {
	f := newFeed(40, 30, 2*time.Millisecond)
	release := make(chan struct{})
	cfg := testConfig(f, &memory{block: release}, &sumEncoder{})
	cfg.Backlog = 50
	cut(&cfg, segment.Config{Window: 200, Hop: 200, MinSamples: 100})
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var report Report
	go func() {
		defer close(done)
		report, err = p.Run(context.Background())
	}()
	for p.Progress().Chunks < 1200 {
		time.Sleep(time.Millisecond)
	}
	if shed := p.Progress().ChunksShed; shed < 1000 {
		t.Errorf("%d of 1200 chunks were shed while the sink hung with room for fewer than 200", shed)
	}
	close(release)
	<-done
	if err != nil {
		t.Error(err)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
}

func TestBusyChannelsDoNotPushOutQuietOnes(t *testing.T) {
	b := newBacklog(10)
	l := &lane{}
	chunk := func(channel uint16) signal.Chunk {
		return signal.Chunk{Read: &signal.Read{Run: known, Channel: channel}}
	}
	for i := range 100 {
		b.add(l, chunk(1), nil)
		if i%20 == 0 {
			b.add(l, chunk(2), nil)
		}
	}
	shares := b.shares()
	if quiet := shares[Channel{"known", 2}]; quiet.Shed != 0 || quiet.Chunks != 5 {
		t.Errorf("the quiet channel: %+v", quiet)
	}
	if busy := shares[Channel{"known", 1}]; busy.Shed != 95 {
		t.Errorf("the busy channel: %+v", busy)
	}
	var order []uint16
	for b.waiting > 0 {
		order = append(order, b.pop().chunk.Read.Channel)
	}
	if len(order) != 10 || order[0] != 2 {
		t.Errorf("left, oldest first: channels %v", order)
	}
}

func TestQuantiles(t *testing.T) {
	var l Latency
	for ms := 1; ms <= 1000; ms++ {
		l.add(time.Duration(ms) * time.Millisecond)
	}
	for q, want := range map[float64]float64{0.01: 10, 0.5: 500, 0.99: 990, 1: 1000} {
		if got := l.Quantile(q).Seconds() * 1000; got < 0.98*want || got > 1.09*want {
			t.Errorf("quantile %g: %g ms, want %g", q, got, want)
		}
	}
	var none Latency
	if none.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

// A limit spares work on the way, and lets go again; what is embedded has its number, and
// every sample is accounted for.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limit Limit
		check func(Report, []row) bool
	}{
		"first chunks":  {Limit{Segment: segment.Limit{Chunks: 1}}, func(r Report, rows []row) bool { return r.SamplesSkipped[segment.Limited] > 0 && len(rows) < 200 }},
		"overlap":       {Limit{Segment: segment.Limit{NoOverlap: true}}, func(r Report, rows []row) bool { return r.SamplesSkipped[segment.Limited] == 0 && len(rows) == 300 }},
		"short windows": {Limit{ShortWindow: true}, func(r Report, rows []row) bool { return r.Batches.Count > 0 && len(rows) > 300 }},
		"pauses":        {Limit{Pause: 2}, func(r Report, rows []row) bool { return r.SamplesSkipped[segment.Limited] == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			src := &tape{}
			for i := range 100 {
				src.read(known, i, 1000)
			}
			out := &memory{}
			cfg := testConfig(src, out, &sumEncoder{})
			cut(&cfg, segment.Config{Window: 400, Hop: 200, MinSamples: 100})
			cfg.ShortLineFor = func(ctx context.Context, run *signal.Run) (*Line, error) {
				line, err := cfg.LineFor(ctx, run)
				short := *line
				short.Segment = segment.Config{Window: 200, Hop: 200, MinSamples: 100}
				return &short, err
			}
			p, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			p.SetLimit(c.limit)
			report, err := p.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if bad := report.Check(); bad != nil {
				t.Error(bad)
			}
			if !c.check(report, out.rows) {
				t.Errorf("%d rows, %v skipped, %d batches", len(out.rows), report.SamplesSkipped, report.Batches.Count)
			}
		})
	}
}
