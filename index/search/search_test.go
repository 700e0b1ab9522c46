package search_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/index/internal/hashtower"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

const (
	window         = 2000 // samples
	samplesPerBase = 10
	leader         = 100
)

var (
	one = hashtower.Sequence(1, 20_000)
	two = hashtower.Sequence(2, 12_000)
	// twice holds a stretch of its own at 1008 and at 6016, multiples of the stride.
	twice = hashtower.Sequence(3, 1008) + hashtower.Sequence(4, 3000) + hashtower.Sequence(5, 2008) + hashtower.Sequence(4, 3000) + hashtower.Sequence(6, 1000)
	run   = &signal.Run{AcquisitionID: "run", SampleRateHz: 5000}
)

func openIndex(t testing.TB) *index.Index {
	t.Helper()
	dir := t.TempDir()
	fasta, path := filepath.Join(dir, "x.fa"), filepath.Join(dir, "x.pvi")
	if err := os.WriteFile(fasta, []byte(">one\n"+one+"\n>two\n"+two+"\n>twice\n"+twice+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var refs index.References
	if err := refs.Add(fasta); err != nil {
		t.Fatal(err)
	}
	built, err := index.Build(t.Context(), &refs, index.BuildConfig{
		Tower: hashtower.Tower{}, Windows: []int{1000, window}, StrideBases: 16, DecoyBases: 50_000, Threads: 2, Progress: func(int, int) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := built.Write(path); err != nil {
		t.Fatal(err)
	}
	ix, err := index.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

func newSearch(t testing.TB, ix *index.Index, change func(*search.Config)) *search.Search {
	t.Helper()
	cfg := search.Config{Index: ix, MaxChunks: 10, FDR: 0.01, Prior: 0.5}
	if change != nil {
		change(&cfg)
	}
	s, err := search.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBatch() *wire.Batch {
	var b wire.Batch
	b.Reset(run, &signal.Recipe{ModelID: "hash@v1", ModelDigest: "signal", Window: window, Hop: window, Dim: hashtower.Dim})
	return &b
}

// addRead appends the chunks of a read of these bases, with noise.
func addRead(b *wire.Batch, id byte, channel uint16, bases string, noise float64) {
	rng := rand.New(rand.NewPCG(uint64(id), 9))
	const span = window / samplesPerBase
	count := len(bases) / span
	for i := range count {
		v := hashtower.Vector(bases[i*span : (i+1)*span])
		for j := range v {
			v[j] += float32(noise / math.Sqrt(hashtower.Dim) * rng.NormFloat64())
		}
		row := wire.Row{
			ReadID: signal.ReadID{id}, Channel: channel, Chunk: uint32(i), ReadStart: 1_000_000, ChunkStart: uint64(leader + i*window), Samples: window, Vector: v,
		}
		if i == count-1 {
			row.Flags = signal.FlagTail
		}
		b.AppendRow(row)
	}
}

// last is the final answer about each read.
func last(t testing.TB, answers []search.Answer) map[byte]search.Answer {
	t.Helper()
	final := make(map[byte]search.Answer)
	for _, a := range answers {
		if _, twice := final[a.ReadID[0]]; twice {
			t.Fatalf("read %d has an answer behind its final one", a.ReadID[0])
		}
		if a.Final {
			final[a.ReadID[0]] = a
		}
	}
	return final
}

func add(t testing.TB, s *search.Search, b *wire.Batch) []search.Answer {
	t.Helper()
	answers, err := s.Add(b)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func TestReadsAreFound(t *testing.T) {
	b := newBatch()
	addRead(b, 1, 1, one[3000:5000], 0.3)
	addRead(b, 2, 2, hashtower.Reversed(two[7000:9000]), 0.3)
	addRead(b, 3, 3, hashtower.Sequence(77, 2000), 0) // of no target
	addRead(b, 4, 4, twice[1408:3408], 0.1)           // of two places
	s := newSearch(t, openIndex(t), nil)
	got := last(t, add(t, s, b))

	for id, want := range map[byte]search.Place{
		1: {Target: "one", TargetLength: 20_000, Start: 3000, End: 5000},
		2: {Target: "two", TargetLength: 12_000, Start: 7000, End: 9000, Reverse: true},
	} {
		a := got[id]
		if !a.Called || a.Probability < 0.99 || a.TargetProbability < a.Probability || a.Chunks < 1 || a.Samples != uint64(leader+a.Chunks*window) {
			t.Errorf("read %d: %+v", id, a)
		}
		heard := a.Chunks * window / samplesPerBase
		if want.Reverse {
			want.Start = want.End - heard
		} else {
			want.End = want.Start + heard
		}
		const near = 60 // a stride, the leader of 10 bases, and 5 % of speed
		p := a.Place
		if max(p.Start-want.Start, want.Start-p.Start) > near || max(p.End-want.End, want.End-p.End) > near {
			t.Errorf("read %d lies at %+v, want about %+v", id, p, want)
		}
		p.Start, p.End, want.Start, want.End = 0, 0, 0, 0
		if p != want {
			t.Errorf("read %d lies on %+v, want %+v", id, p, want)
		}
	}
	if a := got[3]; a.Called || a.Probability > 0.5 || !a.Final || a.Chunks != 10 {
		t.Errorf("a read of no target: %+v", a)
	}
	if a := got[4]; a.Called || a.Probability > 0.6 || a.TargetProbability < 0.99 || a.Place.Target != "twice" {
		t.Errorf("a read of two places: %+v", a)
	}
	if st := s.Stats(); st.Reads != 4 || st.Called != 2 || st.DecoyCalls != 0 {
		t.Errorf("%+v", st)
	}
	if a := got[1]; a.ReadSeconds() != float64(a.Samples)/5000 || a.Seconds() != (1_000_000+float64(a.Samples))/5000 {
		t.Errorf("%v s, %v s", a.ReadSeconds(), a.Seconds())
	}
}

// TestHowRowsComeDoesNotMatter feeds the same chunks all at once, one by one, and
// with the channels interleaved.
func TestHowRowsComeDoesNotMatter(t *testing.T) {
	ix := openIndex(t)
	whole := newBatch()
	rng := rand.New(rand.NewPCG(1, 8))
	for id := range byte(40) {
		source := one
		if id%3 == 0 {
			source = hashtower.Sequence(uint64(100+id), 5000)
		}
		at := rng.IntN(len(source) - 2000)
		addRead(whole, id, uint16(id%7), source[at:at+400*(1+int(id)%5)], 1.2)
	}
	s := newSearch(t, ix, nil)
	want := add(t, s, whole)
	want = append(want, s.End()...)
	if n := s.Stats(); n.Reads != 40 || n.Called < 10 || n.Called > 35 {
		t.Fatalf("%+v: the reads are too easy or too hard", n)
	}
	timeless := func(answers []search.Answer) {
		for i := range answers {
			answers[i].Spent = 0
		}
	}
	timeless(want)
	byRead := func(a, b search.Answer) int {
		if a.ReadID != b.ReadID {
			return slices.Compare(a.ReadID[:], b.ReadID[:])
		}
		return a.Chunks - b.Chunks
	}
	slices.SortStableFunc(want, byRead)
	for _, size := range []int{1, 3, 64} {
		s := newSearch(t, ix, nil)
		var got []search.Answer
		for from := 0; from < whole.Len(); from += size {
			part := newBatch()
			for i := from; i < min(from+size, whole.Len()); i++ {
				part.AppendRow(whole.Row(i))
			}
			got = append(got, add(t, s, part)...)
		}
		got = append(got, s.End()...)
		timeless(got)
		slices.SortStableFunc(got, byRead)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d rows at a time give %d answers, not the %d of all at once", size, len(got), len(want))
		}
	}
}

func TestAnswersBecomeFinal(t *testing.T) {
	ix := openIndex(t)
	none := hashtower.Sequence(50, 4000)
	count := func(answers []search.Answer) (all, final int) {
		for _, a := range answers {
			if a.Final {
				final++
			}
		}
		return len(answers), final
	}

	b := newBatch()
	addRead(b, 1, 1, none, 0)
	s := newSearch(t, ix, func(c *search.Config) { c.MaxChunks = 3 })
	if all, final := count(add(t, s, b)); all != 3 || final != 1 || s.Stats().Unneeded != 17 {
		t.Errorf("at most 3 chunks: %d answers, %d final, %+v", all, final, s.Stats())
	}

	s = newSearch(t, ix, func(c *search.Config) { c.MaxChunks = 0 })
	if all, final := count(add(t, s, b)); all != 20 || final != 1 {
		t.Errorf("the read's end: %d answers, %d final", all, final)
	}

	open := newBatch()
	for i := range 5 {
		open.AppendRow(b.Row(i))
	}
	s = newSearch(t, ix, nil)
	if all, final := count(add(t, s, open)); all != 5 || final != 0 {
		t.Errorf("a read that goes on: %d answers, %d final", all, final)
	}
	if all, _ := count(add(t, s, open)); all != 0 || s.Stats().Unneeded != 5 {
		t.Errorf("the same chunks again gave %d answers", all)
	}
	next := newBatch()
	addRead(next, 2, 1, none[:200], 0)
	answers := add(t, s, next)
	if all, final := count(answers); all != 2 || final != 2 || answers[0].ReadID != (signal.ReadID{1}) || answers[0].Chunks != 5 {
		t.Errorf("the next read on the channel: %+v", answers)
	}
	addRead(open, 3, 9, none[:400], 0)
	open.Flags[open.Len()-1] = 0
	add(t, s, open)
	if end := s.End(); len(end) != 2 || end[0].ReadID != (signal.ReadID{1}) || end[1].ReadID != (signal.ReadID{3}) || !end[1].Final {
		t.Errorf("the end: %+v", end)
	}
	if end := s.End(); len(end) != 0 {
		t.Errorf("a second end: %+v", end)
	}
}

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	b := newBatch()
	addRead(b, 1, 1, one[:1000], 0)
	b.Vectors[0] = float32(math.NaN())
	b.Samples[1] = 400
	s := newSearch(t, openIndex(t), nil)
	add(t, s, b)
	if n := s.Stats(); n.Broken != 1 || n.Unfit != 1 {
		t.Errorf("%+v", n)
	}

	for name, change := range map[string]func(*signal.Recipe){
		"another model":      func(r *signal.Recipe) { r.ModelDigest, r.ModelID = "other", "other@v1" },
		"another dimension":  func(r *signal.Recipe) { r.Dim = 16 },
		"the tower's digest": func(r *signal.Recipe) { r.ModelDigest = "tower" },
	} {
		recipe := *b.Recipe
		change(&recipe)
		other := *b
		other.Recipe = &recipe
		answers, err := s.Add(&other)
		if !errors.Is(err, search.ErrMismatch) || len(answers) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if name == "another model" && (!strings.Contains(err.Error(), "other@v1") || !strings.Contains(err.Error(), "hash@v1")) {
			t.Errorf("%v does not name both models", err)
		}
	}
}

// TestTailThatTellsNothingEndsTheRead has a tail that lies inside of the chunk before.
func TestTailThatTellsNothingEndsTheRead(t *testing.T) {
	b := newBatch()
	addRead(b, 1, 1, hashtower.Sequence(60, 600), 0)
	b.ChunkStarts[2] = b.ChunkStarts[1] + window/10
	s := newSearch(t, openIndex(t), nil)
	answers := add(t, s, b)
	if len(answers) != 3 || !answers[2].Final || answers[2].Chunks != 2 || len(s.End()) != 0 {
		t.Errorf("%+v", answers)
	}
}

func TestOverlappingChunksCountOnce(t *testing.T) {
	dense := newBatch()
	addRead(dense, 1, 1, one[4000:6000], 0)
	half := newBatch()
	for i := range dense.Len() {
		row := dense.Row(i)
		row.Chunk, row.ChunkStart = uint32(i), uint64(leader+i*window*2/5) // 60 % of overlap
		half.AppendRow(row)
	}
	s := newSearch(t, openIndex(t), func(c *search.Config) { c.FDR = 1e-9 })
	add(t, s, half)
	if n := s.Stats(); n.Chunks >= uint64(half.Len()) || n.Unneeded == 0 {
		t.Errorf("%+v of %d", n, half.Len())
	}
}

func TestPriorAsksForMore(t *testing.T) {
	ix := openIndex(t)
	b := newBatch()
	addRead(b, 1, 1, one[4000:6000], 1)
	first := func(prior float64) search.Answer {
		return add(t, newSearch(t, ix, func(c *search.Config) { c.Prior = prior }), b)[0]
	}
	if likely, rare := first(0.5), first(0.001); !(rare.Probability < likely.Probability) || rare.LeadNats != likely.LeadNats {
		t.Errorf("%v where half of the reads are of targets, %v where few are", likely.Probability, rare.Probability)
	}
}

func TestConfigIsChecked(t *testing.T) {
	_, err := search.New(search.Config{MaxChunks: -1, FDR: 1, Prior: math.NaN()})
	for _, what := range []string{"no index", "negative", "false discovery", "prior"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v does not mention %q", err, what)
		}
	}
}

// BenchmarkAdd hears the chunks of reads that no answer is sure about, on one core.
func BenchmarkAdd(b *testing.B) {
	batch := newBatch()
	for id := range byte(50) {
		addRead(batch, id, uint16(id), hashtower.Sequence(uint64(id), 2000), 0)
	}
	ix := openIndex(b)
	chunks := uint64(0)
	for b.Loop() {
		s := newSearch(b, ix, nil)
		add(b, s, batch)
		chunks += s.Stats().Chunks
	}
	b.ReportMetric(float64(chunks)/b.Elapsed().Seconds(), "chunks/s")
}
