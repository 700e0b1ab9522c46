package segment

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/signal"
)

// cutting records what comes out; samples are copied.
type cutting struct {
	chunks  []signal.Chunk
	samples [][]int16
	skipped map[Reason]uint64
	ended   []uint32 // chunks of each finished read
}

func (c *cutting) End(_ *signal.Read, chunks uint32, _ Reason) { c.ended = append(c.ended, chunks) }

func (c *cutting) Chunk(chunk signal.Chunk, samples []int16) error {
	c.chunks = append(c.chunks, chunk)
	c.samples = append(c.samples, append([]int16(nil), samples...))
	return nil
}

func (c *cutting) Skip(_ *signal.Read, reason Reason, samples uint64) {
	if c.skipped == nil {
		c.skipped = make(map[Reason]uint64)
	}
	c.skipped[reason] += samples
}

// accounted is every sample that came out under some name.
func (c *cutting) accounted() uint64 {
	var n uint64
	for _, chunk := range c.chunks {
		n += uint64(chunk.Fresh)
	}
	for _, s := range c.skipped {
		n += s
	}
	return n
}

func testRead(n int) (*signal.Read, []int16) {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	samples := make([]int16, n)
	level := 0
	for i := range samples {
		if i%10 == 0 {
			level = 400 + rng.IntN(300)
		}
		samples[i] = int16(level + rng.IntN(20))
	}
	return &signal.Read{ID: signal.ReadID{1}, Calibration: signal.Calibration{Offset: 0, Scale: 0.1}}, samples
}

// push feeds samples in blocks of the given size.
func push(t *testing.T, s *Segmenter, out Output, read *signal.Read, samples []int16, block int) {
	t.Helper()
	for at := 0; at == 0 || at < len(samples); at += block {
		end := min(at+block, len(samples))
		b := signal.NewBlock(read, uint64(at), samples[at:end], nil)
		b.Last = end == len(samples)
		if err := s.Push(b, out); err != nil {
			t.Fatal(err)
		}
	}
}

func segmenter(t *testing.T, cfg Config) *Segmenter {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCuts(t *testing.T) {
	type span struct {
		Start, End uint64
		Fresh      uint32
		Flags      signal.Flags
	}
	whole := Config{Window: 100, Hop: 100, MinSamples: 40, LeaderSamples: 50}
	overlap := Config{Window: 100, Hop: 60, MinSamples: 40}
	sparse := Config{Window: 100, Hop: 150, MinSamples: 40}
	for _, c := range []struct {
		name    string
		cfg     Config
		samples int
		want    []span
		skipped map[Reason]uint64
	}{
		{"empty read", whole, 0, nil, nil},
		{"all leader", whole, 30, nil, map[Reason]uint64{Leader: 30}},
		{"too short", whole, 89, nil, map[Reason]uint64{Leader: 50, TooShort: 39}},
		{"short", whole, 120, []span{{50, 120, 70, signal.FlagShort}}, map[Reason]uint64{Leader: 50}},
		{"exact", whole, 250, []span{{50, 150, 100, 0}, {150, 250, 100, 0}}, map[Reason]uint64{Leader: 50}},
		{"tail", whole, 270, []span{{50, 150, 100, 0}, {150, 250, 100, 0}, {170, 270, 20, signal.FlagTail}}, map[Reason]uint64{Leader: 50}},
		{"overlap", overlap, 170, []span{{0, 100, 100, 0}, {60, 160, 60, 0}, {70, 170, 10, signal.FlagTail}}, nil},
		{"overlap, exact", overlap, 160, []span{{0, 100, 100, 0}, {60, 160, 60, 0}}, nil},
		{"sparse", sparse, 260, []span{{0, 100, 100, 0}, {150, 250, 100, 0}}, map[Reason]uint64{BetweenChunks: 60}},
		{"sparse tail", sparse, 190, []span{{0, 100, 100, 0}, {90, 190, 90, signal.FlagTail}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, samples := testRead(c.samples)
			// Whatever the block size, the chunks are the same: parity.
			for _, block := range []int{1, 7, 33, 100, 1000} {
				out := &cutting{}
				s := segmenter(t, c.cfg)
				push(t, s, out, read, samples, block)
				var got []span
				for i, k := range out.chunks {
					end := k.Start + uint64(k.Samples)
					got = append(got, span{k.Start, end, k.Fresh, k.Flags})
					if k.Index != uint32(i) || !cmp.Equal(out.samples[i], samples[k.Start:end]) {
						t.Errorf("block %d: chunk %d has index %d or foreign samples", block, i, k.Index)
					}
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("block %d: chunks (-want +got):\n%s", block, d)
				}
				if d := cmp.Diff(c.skipped, out.skipped); d != "" {
					t.Errorf("block %d: skipped (-want +got):\n%s", block, d)
				}
				if !cmp.Equal(out.ended, []uint32{uint32(len(c.want))}) {
					t.Errorf("block %d: ended with %v chunks", block, out.ended)
				}
				if out.accounted() != uint64(c.samples) || s.Open() != 0 {
					t.Errorf("block %d: %d of %d samples accounted for, %d reads open", block, out.accounted(), c.samples, s.Open())
				}
			}
		})
	}
}

func TestGapIsNeverSpliced(t *testing.T) {
	read, samples := testRead(1000)
	cfg := Config{Window: 100, Hop: 100, MinSamples: 40, LeaderSamples: 50}
	out := &cutting{}
	s := segmenter(t, cfg)
	first := signal.NewBlock(read, 0, samples[:280], nil)
	second := signal.NewBlock(read, 400, samples[400:650], nil)
	second.GapBefore, second.Last = true, true
	for _, b := range []*signal.Block{first, second} {
		if err := s.Push(b, out); err != nil {
			t.Fatal(err)
		}
	}
	type cutChunk struct {
		Start uint64
		Index uint32
		Flags signal.Flags
	}
	var got []cutChunk
	for _, c := range out.chunks {
		got = append(got, cutChunk{c.Start, c.Index, c.Flags})
	}
	want := []cutChunk{
		{50, 0, 0}, {150, 1, 0}, {180, 2, signal.FlagCut}, // up to the gap
		{450, 4, signal.FlagGapBefore}, {550, 5, 0}, // on the grid of 50, 150, …
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if out.skipped[AfterGap] != 50 {
		t.Errorf("%d samples after the gap, want the 50 up to the grid", out.skipped[AfterGap])
	}
	if out.accounted() != 280+250 {
		t.Errorf("%d samples accounted for, want 530", out.accounted())
	}
}

func TestHeadMissing(t *testing.T) {
	read, samples := testRead(500)
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40, LeaderSamples: 50})
	b := signal.NewBlock(read, 130, samples[130:], nil)
	b.Last = true
	if err := s.Push(b, out); err != nil {
		t.Fatal(err)
	}
	if len(out.chunks) != 4 || out.chunks[0].Start != 150 || out.chunks[0].Index != 1 {
		t.Fatalf("chunks %v", out.chunks)
	}
	for _, c := range out.chunks {
		if c.Flags&signal.FlagHeadMissing == 0 {
			t.Errorf("chunk %d: flags %v", c.Index, c.Flags)
		}
	}
}

// What is left of a read after gaps gives the chunks that the whole read gives
// there: the same index, the same samples.
func TestChunksSurviveGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		cfg := Config{Window: 50 + rng.IntN(100), MinSamples: 1 + rng.IntN(50), LeaderSamples: rng.IntN(120)}
		cfg.Hop = 20 + rng.IntN(2*cfg.Window)
		if rng.IntN(4) == 0 {
			cfg.MaxChunks = 1 + rng.IntN(8)
		}
		read, samples := testRead(100 + rng.IntN(1500))
		whole := &cutting{}
		push(t, segmenter(t, cfg), whole, read, samples, len(samples))

		parts := &cutting{}
		seg := segmenter(t, cfg)
		carried := make([]bool, len(samples))
		at, gap, sent, endSeen := 0, false, 0, false
		for at < len(samples) {
			if rng.IntN(4) == 0 {
				at += 1 + rng.IntN(150)
				gap = true
				continue
			}
			end := min(at+1+rng.IntN(300), len(samples))
			b := signal.NewBlock(read, uint64(at), samples[at:end], nil)
			b.GapBefore = gap && sent > 0
			for i := at; i < end; i++ {
				carried[i] = true
			}
			sent += end - at
			if err := seg.Push(b, parts); err != nil {
				t.Fatal(err)
			}
			at, gap, endSeen = end, false, end == len(samples)
		}
		if sent > 0 {
			b := signal.NewBlock(read, uint64(len(samples)), nil, nil)
			b.Last, b.EndMissing = true, !endSeen
			if err := seg.Push(b, parts); err != nil {
				t.Fatal(err)
			}
		}
		if parts.accounted() != uint64(sent) {
			t.Fatalf("round %d, %+v: %d samples of %d accounted for", round, cfg, parts.accounted(), sent)
		}
		byIndex := map[uint32]int{}
		for i, c := range parts.chunks {
			if before, twice := byIndex[c.Index]; twice {
				t.Fatalf("round %d, %+v: chunks %+v and %+v", round, cfg, parts.chunks[before], c)
			}
			byIndex[c.Index] = i
			for at := c.Start; at < c.Start+uint64(c.Samples); at++ {
				if !carried[at] {
					t.Fatalf("round %d, %+v: chunk %+v has sample %d, which never came", round, cfg, c, at)
				}
			}
		}
		for i, want := range whole.chunks {
			all := true
			for at := want.Start; at < want.Start+uint64(want.Samples); at++ {
				all = all && carried[at]
			}
			if want.Flags&(signal.FlagTail|signal.FlagShort) != 0 && !endSeen || !all {
				continue
			}
			n, there := byIndex[want.Index]
			if !there || parts.chunks[n].Start != want.Start || parts.chunks[n].Flags&signal.FlagCut != 0 ||
				!cmp.Equal(parts.samples[n], whole.samples[i]) {
				t.Fatalf("round %d, %+v: the whole read gives %+v, its parts %+v", round, cfg, want, parts.chunks)
			}
		}
	}
}

func TestFlagsOfBlocksReachTheirChunks(t *testing.T) {
	read, samples := testRead(400)
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 50, MinSamples: 40})
	for at := 0; at < 400; at += 80 {
		b := signal.NewBlock(read, uint64(at), samples[at:at+80], nil)
		if at == 160 {
			b.Flags = signal.FlagMerged
		}
		if err := s.Push(b, out); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range out.chunks {
		overlaps := c.Start < 240 && c.Start+100 > 160
		if merged := c.Flags&signal.FlagMerged != 0; merged != overlaps {
			t.Errorf("chunk at %d: flags %v", c.Start, c.Flags)
		}
	}
}

func TestMaxChunks(t *testing.T) {
	read, samples := testRead(1000)
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40, LeaderSamples: 50, MaxChunks: 2})
	push(t, s, out, read, samples, 70)
	if len(out.chunks) != 2 || out.skipped[BeyondLimit] != 750 || out.accounted() != 1000 {
		t.Errorf("%d chunks, %v", len(out.chunks), out.skipped)
	}
}

func TestCorruptRestIsCounted(t *testing.T) {
	read, samples := testRead(330)
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40})
	good := signal.NewBlock(read, 0, samples[:230], nil)
	bad := signal.NewBlock(read, 230, nil, nil)
	bad.Err, bad.Lost, bad.Last = errors.New("broken frame"), 100, true
	for _, b := range []*signal.Block{good, bad} {
		if err := s.Push(b, out); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.chunks) != 2 || out.skipped[Corrupt] != 130 || out.accounted() != 330 || s.Open() != 0 {
		t.Errorf("%d chunks, skipped %v, %d reads open", len(out.chunks), out.skipped, s.Open())
	}
}

func TestInterruptAccountsForWhatWaits(t *testing.T) {
	read, samples := testRead(330)
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40})
	if err := s.Push(signal.NewBlock(read, 0, samples, nil), out); err != nil {
		t.Fatal(err)
	}
	s.Interrupt(out)
	if out.skipped[Interrupted] != 30 || out.accounted() != 330 || s.Open() != 0 || !cmp.Equal(out.ended, []uint32{3}) {
		t.Errorf("skipped %v, ended %v, %d reads open", out.skipped, out.ended, s.Open())
	}
}

func TestInterleavedReads(t *testing.T) {
	a, samples := testRead(400)
	b := &signal.Read{ID: signal.ReadID{2}, Calibration: a.Calibration}
	out := &cutting{}
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40})
	for at := 0; at < 400; at += 50 {
		for _, read := range []*signal.Read{a, b} {
			block := signal.NewBlock(read, uint64(at), samples[at:at+50], nil)
			block.Last = at == 350
			if err := s.Push(block, out); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, c := range out.chunks {
		if !cmp.Equal(out.samples[i], samples[c.Start:c.Start+100]) {
			t.Errorf("chunk %d of read %v holds foreign samples", c.Index, c.Read.ID)
		}
	}
	if len(out.chunks) != 8 {
		t.Errorf("%d chunks, want 8", len(out.chunks))
	}
}

func TestMemoryIsOneWindow(t *testing.T) {
	read, samples := testRead(100_000)
	out := &cutting{}
	s := segmenter(t, Config{Window: 4096, Hop: 4096, MinSamples: 1024})
	for at := 0; at < len(samples); at += 500 {
		if err := s.Push(signal.NewBlock(read, uint64(at), samples[at:at+500], nil), out); err != nil {
			t.Fatal(err)
		}
		if held := len(s.reads[read.ID].held); held > 2*4096+500 {
			t.Fatalf("%d samples held", held)
		}
	}
}

func TestMarks(t *testing.T) {
	read, samples := testRead(8000)
	for i := 4500; i < 6000; i++ {
		samples[i] = int16(500 + i%5)
	}
	for i := 2000; i < 2060; i++ {
		samples[i] = 2000 // 200 pA
	}
	out := &cutting{}
	s := segmenter(t, Config{Window: 2000, Hop: 2000, MinSamples: 100})
	push(t, s, out, read, samples, 8000)
	want := []signal.Flags{0, signal.FlagOpenPore, signal.FlagStall, 0}
	for i, c := range out.chunks {
		if c.Flags != want[i] {
			t.Errorf("chunk %d: flags %v, want %v", i, c.Flags, want[i])
		}
	}
}

func TestOutputErrorStops(t *testing.T) {
	read, samples := testRead(300)
	stop := errors.New("full")
	s := segmenter(t, Config{Window: 100, Hop: 100, MinSamples: 40})
	err := s.Push(signal.NewBlock(read, 0, samples, nil), failing{stop})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Chunk(signal.Chunk, []int16) error { return f.err }
func (f failing) End(*signal.Read, uint32, Reason)  {}
func (f failing) Skip(*signal.Read, Reason, uint64) {}

func TestConfigNamesEveryProblem(t *testing.T) {
	_, err := New(Config{Window: 0, Hop: 0, MinSamples: 5, LeaderSamples: -1})
	if err == nil {
		t.Fatal("accepted")
	}
	if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 4 {
		t.Errorf("got %v", err)
	}
}

func BenchmarkPush(b *testing.B) {
	read, samples := testRead(102_400)
	s, err := New(Config{Window: 4096, Hop: 4096, MinSamples: 1024, LeaderSamples: 2000})
	if err != nil {
		b.Fatal(err)
	}
	out := failing{}
	b.SetBytes(int64(2 * len(samples)))
	b.ReportAllocs()
	for b.Loop() {
		block := signal.NewBlock(read, 0, samples, nil)
		block.Last = true
		if err := s.Push(block, out); err != nil {
			b.Fatal(err)
		}
	}
}
