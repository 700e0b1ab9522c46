package minknow_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/minknow/dial"
	"github.com/porevec/porevec/minknow/simulator"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recordedRun is a run and its samples.
type recordedRun struct {
	path    string
	reads   map[signal.ReadID]*signal.Read
	samples map[signal.ReadID][]int16
}

func newRun(t *testing.T, reads int, bases float64) recordedRun {
	t.Helper()
	r := recordedRun{filepath.Join(t.TempDir(), "run.pod5"), make(map[signal.ReadID]*signal.Read), make(map[signal.ReadID][]int16)}
	if _, err := fixtures.WriteRun([]string{r.path}, fixtures.RunSpec{Seed: 11, Reads: reads, MeanBases: bases}); err != nil {
		t.Fatal(err)
	}
	file, err := replay.Open(r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for read, err := range file.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		samples, err := replay.Signal(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		info := *read.Info()
		r.reads[info.ID], r.samples[info.ID] = &info, samples
	}
	return r
}

// live is what a feed gave of a simulated host.
type live struct {
	run     recordedRun
	sim     *simulator.Simulator
	seen    []minknow.Seen
	blocks  int
	ended   map[signal.ReadID]bool // by a last block; whether the end was seen
	flags   signal.Flags
	runs    map[string]bool
	stats   []minknow.Stats
	samples uint64
	// repeated says that reads come again under ids that the recording does not have.
	repeated bool
}

// follow plays a run through the simulator and checks every block of the feed.
func follow(t *testing.T, r recordedRun, sim simulator.Config, change func(*minknow.Config, *simulator.Simulator)) *live {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("POREVEC_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	sim.Paths, sim.Dir, sim.Books, sim.Hold, sim.Log = []string{r.path}, t.TempDir(), true, true, log
	s, err := simulator.New(sim)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()

	d, err := dial.New(dial.Options{Host: "127.0.0.1", CA: s.CA(), ManagerPort: uint16(s.Port()), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{run: r, sim: s, ended: make(map[signal.ReadID]bool), runs: make(map[string]bool), repeated: sim.Repeat}
	cfg := minknow.Config{
		Hosts: []minknow.Host{{Name: "sim", ManagerPort: d.ManagerPort(), Dial: d.Conn, Explain: d.Explain}},
		Runs:  max(1, sim.Positions), Announce: true, Seen: func(s minknow.Seen) { l.seen = append(l.seen, s) }, Log: log,
	}
	if change != nil {
		change(&cfg, s)
	}
	feed, err := minknow.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	next := make(map[signal.ReadID]uint64)
	for {
		b, err := feed.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err, feed.Stats())
		}
		l.take(t, b, next)
		b.Release()
	}
	l.stats = feed.Stats()
	if err := feed.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if actions := s.Actions(); len(actions) > 0 {
		t.Errorf("a passive client sent %d actions: %v", len(actions), actions)
	}
	return l
}

func (l *live) take(t *testing.T, b *signal.Block, next map[signal.ReadID]uint64) {
	id := b.Read.ID
	recorded := l.run.samples[id]
	if recorded == nil && l.repeated {
		return
	}
	if recorded == nil {
		t.Fatalf("read %v is not in the recording", id)
	}
	if b.Offset+uint64(len(b.Samples)) > uint64(len(recorded)) || !slices.Equal(b.Samples, recorded[b.Offset:b.Offset+uint64(len(b.Samples))]) {
		t.Fatalf("read %v: a block of %d samples at %d differs from the recording", id, len(b.Samples), b.Offset)
	}
	want, begun := next[id]
	switch {
	case b.Offset < want, begun && b.Offset > want && !b.GapBefore && !b.HeadMissing, begun && b.Offset == want && b.GapBefore:
		t.Fatalf("read %v: a block at %d, gap %v, after one that ended at %d", id, b.Offset, b.GapBefore, want)
	}
	next[id] = b.Offset + uint64(len(b.Samples))
	if b.Last {
		l.ended[id] = !b.EndMissing
	}
	l.blocks++
	l.flags |= b.Flags
	l.samples += uint64(len(b.Samples))
	l.runs[b.Read.Run.AcquisitionID] = true
}

// compare checks that what the feed says it carried is what the simulator sent.
func (l *live) compare(t *testing.T) {
	t.Helper()
	carried := make(map[signal.ReadID][]minknow.Span)
	for _, s := range l.seen {
		carried[s.Read.ID] = append(carried[s.Read.ID], s.Carried...)
	}
	for _, sent := range l.sim.Sent() {
		var want []minknow.Span
		for _, s := range sent.Spans {
			want = append(want, minknow.Span(s))
		}
		if !slices.Equal(carried[sent.ReadID], want) {
			t.Errorf("read %v of %d samples: sent %v, carried %v", sent.ReadID, sent.Length, want, carried[sent.ReadID])
		}
	}
}

func fast() simulator.Config {
	return simulator.Config{Channels: 16, Pace: 10, Piece: 400 * time.Millisecond, MessageChannels: 4}
}

func faults(t *testing.T, texts ...string) (out []simulator.Fault) {
	t.Helper()
	for _, text := range texts {
		f, err := simulator.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func TestLive(t *testing.T) {
	r := newRun(t, 60, 2500)
	ends := fast()
	ends.Ends = true
	recorded := fast()
	recorded.Recorded, recorded.Channels = true, 512
	two := fast()
	two.Positions = 2
	third := fast()
	third.NoOffsets = true
	third.Without = []string{
		"watch_flow_cell_positions", "local_authentication_token_path", "get_device_info", "watch_current_protocol_run", "get_channel_states",
		"get_context_info", "get_data_types", "watch_current_acquisition_run",
	}
	third.Guests = true
	calibrated := fast()
	calibrated.Calibration = 20 * time.Second
	for _, c := range []struct {
		name string
		sim  simulator.Config
	}{{"packed", fast()}, {"ends", ends}, {"recorded", recorded}, {"two positions", two}, {"a poor server", third}, {"after a calibration", calibrated}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := follow(t, r, c.sim, nil)
			l.compare(t)
			if l.blocks == 0 || len(l.seen) < 50 {
				t.Errorf("%d blocks of %d reads", l.blocks, len(l.seen))
			}
			for _, s := range l.stats {
				if s.Gaps+s.HeadsMissing+s.Repeated+s.Late+s.Malformed+s.ShedSamples > 0 || s.NoOffsets != c.sim.NoOffsets || s.NoCalibration {
					t.Errorf("%+v", s)
				}
			}
			// Of a poor server it is asked every two seconds whether the run goes on: it may
			// be joined once more after its end.
			if want, got := 2*max(1, c.sim.Positions), len(l.sim.Messages()); got != want && !(c.sim.Guests && got == 2*want) {
				t.Errorf("messages in the log of MinKNOW: %q, want %d", l.sim.Messages(), want)
			}
			if c.name == "ends" {
				for id, samples := range r.samples {
					i := slices.IndexFunc(l.seen, func(s minknow.Seen) bool { return s.Read.ID == id })
					if i < 0 {
						t.Errorf("read %v was not seen", id)
					} else if got := l.seen[i].Samples(); got != uint64(len(samples)) {
						t.Errorf("read %v: %d of %d samples", id, got, len(samples))
					}
				}
			}
			for _, s := range l.seen {
				want := r.reads[s.Read.ID]
				if c.name == "recorded" && (s.Read.Start != want.Start || s.Read.Channel != want.Channel) {
					t.Errorf("read %v at %d on channel %d, want %d and %d", s.Read.ID, s.Read.Start, s.Read.Channel, want.Start, want.Channel)
				}
				if got := s.Read.Run; got.FlowCellProductCode != want.Run.FlowCellProductCode || got.SequencingKit != want.Run.SequencingKit ||
					got.SampleRateHz != want.Run.SampleRateHz || c.sim.Positions < 2 && (got.AcquisitionID != want.Run.AcquisitionID || got.Position != want.Run.Position) {
					t.Fatalf("run %+v, recorded %+v", got, want.Run)
				}
				if c.name != "two positions" && s.Read.Calibration != want.Calibration && s.Read.Calibration.Scale == 0 {
					t.Fatalf("calibration %+v, recorded %+v", s.Read.Calibration, want.Calibration)
				}
			}
		})
	}
}

func TestFaults(t *testing.T) {
	r := newRun(t, 60, 2500)
	for _, c := range []struct {
		fault string
		runs  int
		exact bool // what was sent came
		check func(*testing.T, minknow.Stats, *live)
	}{
		{"gap:every=7", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Gaps == 0 || s.GapSamples == 0 || s.HeadsMissing == 0 {
				t.Errorf("%d gaps of %d samples, %d heads missing", s.Gaps, s.GapSamples, s.HeadsMissing)
			}
		}},
		{"dup:every=5", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Repeated == 0 || l.flags&signal.FlagRepeated == 0 || s.Gaps > 0 {
				t.Errorf("%d repeated, %d gaps, flags %v", s.Repeated, s.Gaps, l.flags)
			}
		}},
		{"late:every=9", 1, false, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Late == 0 || s.LateSamples == 0 {
				t.Errorf("%d late", s.Late)
			}
		}},
		{"stall:at=20s,for=20s", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Merged == 0 || l.flags&signal.FlagMerged == 0 {
				t.Errorf("%d merged, flags %v", s.Merged, l.flags)
			}
		}},
		{"muxscan:at=15s,for=30s", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects > 0 || len(l.runs) != 1 {
				t.Errorf("%d reconnects, %d runs", s.Reconnects, len(l.runs))
			}
		}},
		{"pause:at=15s,for=30s", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects > 0 || len(l.runs) != 1 {
				t.Errorf("%d reconnects, %d runs", s.Reconnects, len(l.runs))
			}
		}},
		{"big:at=10s", 1, true, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects > 0 {
				t.Errorf("%d reconnects", s.Reconnects)
			}
		}},
		{"token:at=10s", 1, true, func(t *testing.T, s minknow.Stats, l *live) {}},
		{"reset:at=20s", 1, false, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects == 0 {
				t.Error("no reconnect")
			}
		}},
		{"goaway:at=20s", 1, false, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects == 0 {
				t.Error("no reconnect")
			}
		}},
		{"restart:at=20s,for=10s", 1, false, func(t *testing.T, s minknow.Stats, l *live) {
			if s.Reconnects == 0 || len(l.runs) != 1 {
				t.Errorf("%d reconnects, %d runs", s.Reconnects, len(l.runs))
			}
		}},
		{"stop:at=6s,for=40s", 2, true, func(t *testing.T, s minknow.Stats, l *live) {
			if len(l.runs) != 2 {
				t.Errorf("runs %v", l.runs)
			}
		}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			sim := fast()
			sim.Faults = faults(t, c.fault)
			l := follow(t, r, sim, func(cfg *minknow.Config, _ *simulator.Simulator) { cfg.Runs = c.runs })
			if c.exact {
				l.compare(t)
			}
			if len(l.stats) != 1 || l.samples < 100_000 {
				t.Fatalf("%d samples came; %+v", l.samples, l.stats)
			}
			c.check(t, l.stats[0], l)
		})
	}
}

// A stream that gives nothing while samples are acquired is opened anew.
func TestSilenceEndsAConnection(t *testing.T) {
	r := newRun(t, 60, 2500)
	sim := fast()
	sim.Faults = faults(t, "stall:at=5s,for=160s") // four seconds of ours
	sim.Length = 200 * time.Second
	sim.Repeat = true
	l := follow(t, r, sim, func(cfg *minknow.Config, _ *simulator.Simulator) { cfg.Silence = time.Second })
	if s := l.stats[0]; s.Reconnects == 0 {
		t.Errorf("%+v", s)
	}
}

// A queue that is too small loses signal, and says what and where.
func TestFullQueueIsBooked(t *testing.T) {
	r := newRun(t, 60, 2500)
	sim := fast()
	sim.Pace = 400
	l := follow(t, r, sim, func(cfg *minknow.Config, _ *simulator.Simulator) {
		cfg.QueueBytes = 1
		inner := cfg.Seen
		cfg.Seen = func(s minknow.Seen) {
			time.Sleep(20 * time.Millisecond) // a slow reader
			inner(s)
		}
	})
	var shed, carried, sent uint64
	for _, s := range l.seen {
		shed += s.Shed
		carried += s.Samples()
	}
	for _, s := range l.sim.Sent() {
		for _, span := range s.Spans {
			sent += span.To - span.From
		}
	}
	if shed == 0 || shed != l.stats[0].ShedSamples || shed+carried != sent {
		t.Errorf("%d samples sent, %d carried, %d shed, %d by the counter", sent, carried, shed, l.stats[0].ShedSamples)
	}
}

func TestPositionsByName(t *testing.T) {
	r := newRun(t, 20, 2500)
	sim := fast()
	sim.Positions, sim.Name = 3, "MN"
	l := follow(t, r, sim, func(cfg *minknow.Config, s *simulator.Simulator) {
		cfg.Positions, cfg.Runs = []string{"MN-2"}, 1
		if len(s.Positions()) != 3 {
			t.Errorf("positions %v", s.Positions())
		}
	})
	if len(l.stats) != 1 || l.stats[0].Position != "MN-2" || l.samples == 0 {
		t.Errorf("%+v", l.stats)
	}
}
