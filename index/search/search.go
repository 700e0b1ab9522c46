package search

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/wire"
)

// Config says how to search.
type Config struct {
	Index *index.Index
	// Probes is how many cells of a large index are looked into, see
	// [index.Index.NewSearcher]; 0 is all.
	Probes int
	// MaxChunks of a read are heard, then its answer is final; 0 is all.
	MaxChunks int
	// FDR is the share of wrong answers that is tolerated: a read is called where its
	// place is wrong with this probability at most.
	FDR float64
	// Prior is the share of reads that are expected to come from the index.
	Prior float64
}

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Index == nil {
		errs = append(errs, errors.New("no index"))
	}
	if c.Probes < 0 || c.MaxChunks < 0 {
		errs = append(errs, fmt.Errorf("%d probes and %d chunks: must not be negative", c.Probes, c.MaxChunks))
	}
	if !(c.FDR > 0 && c.FDR < 1) {
		errs = append(errs, fmt.Errorf("false discovery rate of %g: must lie between 0 and 1", c.FDR))
	}
	if !(c.Prior > 0 && c.Prior < 1) {
		errs = append(errs, fmt.Errorf("prior of %g: must lie between 0 and 1", c.Prior))
	}
	return errors.Join(errs...)
}

// ErrMismatch says that vectors do not belong into the index's space. They are
// not searched.
var ErrMismatch = errors.New("these vectors cannot be compared with the index")

// Search follows reads from chunk to chunk. It belongs to one goroutine.
type Search struct {
	cfg      Config
	nearest  *index.Searcher
	chance   []float64 // per layer, see [index.Index.LogMeanExp]
	handicap float64   // of decoys: they are fewer than the windows of targets, nats
	open     map[channel]*reading
	stats    Stats

	asked   []int     // rows of a round
	rows    []int     // those of a layer
	vectors []float32 // theirs
}

// Stats counts what was searched.
type Stats struct {
	Reads  uint64 // with a final answer
	Called uint64
	// DecoyCalls is how many reads would have been called if decoys were targets: as
	// many calls are expected to be wrong.
	DecoyCalls uint64
	Chunks     uint64 // searched
	// Unneeded chunks are those of reads whose answer was final, and those that lie
	// mostly inside of the chunk before.
	Unneeded uint64
	// Unfit chunks have a length that no layer of the index is for, Broken ones
	// values that no encoder makes.
	Unfit, Broken uint64
}

// channel holds one read at a time.
type channel struct {
	run     string
	channel uint16
}

// reading is a read that is being heard.
type reading struct {
	answer Answer
	chunks []chunk
	first  float64 // sample at which the first chunk heard begins
	next   uint32  // chunk that is expected
	decoy  bool    // a decoy has a lead that would be enough for a call
}

// New makes a search.
func New(cfg Config) (*Search, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Search{cfg: cfg, nearest: cfg.Index.NewSearcher(votes, cfg.Probes), open: make(map[channel]*reading)}
	targets, decoys := 0, 0
	for i, l := range cfg.Index.Layers {
		s.chance = append(s.chance, cfg.Index.LogMeanExp(i, sharpness))
		targets, decoys = targets+l.Count-l.Decoys, decoys+l.Decoys
	}
	if decoys > 0 {
		s.handicap = math.Log(float64(targets) / float64(decoys))
	}
	return s, nil
}

// Stats so far.
func (s *Search) Stats() Stats { return s.stats }

// Check says with [ErrMismatch] whether vectors of a recipe can be searched.
func (s *Search) Check(r *signal.Recipe) error {
	m := &s.cfg.Index.Model
	switch {
	case !m.Fits(r.ModelDigest):
		return fmt.Errorf("%w: they were made by %s (digest %.12s), the index for %s (%s); build an index with --model %s",
			ErrMismatch, r.ModelID, r.ModelDigest, m.ID, digests(m), r.ModelID)
	case r.Dim != m.Dim:
		return fmt.Errorf("%w: they have %d dimensions, the index %d", ErrMismatch, r.Dim, m.Dim)
	}
	return nil
}

func digests(m *index.Model) string {
	text := "digest"
	for _, kind := range slices.Sorted(maps.Keys(m.Signals)) {
		text += fmt.Sprintf(" %s %.12s", kind, m.Signals[kind])
	}
	return text
}

// Add hears the chunks of a batch, and gives an answer for each that was searched
// and a last one for each read that gave way to another on its channel, in the order
// of the rows. An error is an [ErrMismatch]; nothing was searched then.
//
// It goes in rounds: in each, one chunk per channel is sought, all of them together,
// which is faster. What a chunk tells decides whether the next one is needed.
func (s *Search) Add(b *wire.Batch) ([]Answer, error) {
	if err := s.Check(b.Recipe); err != nil {
		return nil, err
	}
	queues := make(map[uint16][]int) // rows of each channel
	var channels []uint16
	for i, c := range b.Channels {
		if queues[c] == nil {
			channels = append(channels, c)
		}
		queues[c] = append(queues[c], i)
	}
	var found []rowAnswer
	for len(channels) > 0 {
		s.asked = s.asked[:0]
		waiting := channels[:0]
		for _, c := range channels {
			row, rest := s.nextWanted(b, queues[c], &found)
			if row < 0 {
				continue
			}
			s.asked = append(s.asked, row)
			queues[c] = rest
			waiting = append(waiting, c)
		}
		channels = waiting
		if err := s.ask(b, &found); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b rowAnswer) int { return a.row - b.row })
	answers := make([]Answer, len(found))
	for i := range found {
		answers[i] = found[i].answer
	}
	return answers, nil
}

// rowAnswer is an answer and the row of the batch that led to it.
type rowAnswer struct {
	row    int
	answer Answer
}

// nextWanted finds the first of a channel's rows that can tell something, -1 if none
// does. Reads that are over by that are finished.
func (s *Search) nextWanted(b *wire.Batch, queue []int, found *[]rowAnswer) (row int, rest []int) {
	for i, at := range queue {
		row := b.Row(at)
		r := s.reading(b.Run, row, at, found)
		if s.wanted(r, row) {
			return at, queue[i+1:]
		}
		if isLast(row) && s.finish(r) {
			*found = append(*found, rowAnswer{at, r.answer})
		}
	}
	return -1, nil
}

// ask seeks the rows of a round, those of a layer together, and judges their reads.
func (s *Search) ask(b *wire.Batch, found *[]rowAnswer) error {
	for layer := range s.cfg.Index.Layers {
		s.vectors, s.rows = s.vectors[:0], s.rows[:0]
		for _, at := range s.asked {
			if fit, _ := s.cfg.Index.LayerFor(int(b.Samples[at])); fit == layer {
				s.vectors, s.rows = append(s.vectors, b.Row(at).Vector...), append(s.rows, at)
			}
		}
		begin := time.Now()
		hits, err := s.nearest.Nearest(layer, s.vectors)
		if err != nil {
			return err
		}
		share := time.Since(begin) / time.Duration(max(len(hits), 1))
		for i, at := range s.rows {
			row := b.Row(at)
			r := s.open[channel{b.Run.AcquisitionID, row.Channel}]
			begin := time.Now()
			s.hear(r, row, layer, hits[i])
			s.judge(r, row)
			r.answer.Spent += share + time.Since(begin)
			*found = append(*found, rowAnswer{at, r.answer})
			if r.answer.Final {
				s.count(r)
			}
		}
	}
	return nil
}

// sound says whether all values are numbers.
func sound(vector []float32) bool {
	for _, v := range vector {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}

// End gives the last answers of all reads that are still open.
func (s *Search) End() []Answer {
	var answers []Answer
	for _, r := range s.open {
		if s.finish(r) {
			answers = append(answers, r.answer)
		}
	}
	clear(s.open)
	slices.SortFunc(answers, func(a, b Answer) int { return slices.Compare(a.ReadID[:], b.ReadID[:]) })
	return answers
}

// reading finds the state of a row's read. Another read on the same channel is
// over by that.
func (s *Search) reading(run *signal.Run, row wire.Row, at int, found *[]rowAnswer) *reading {
	key := channel{run.AcquisitionID, row.Channel}
	r := s.open[key]
	if r != nil && r.answer.ReadID == row.ReadID {
		return r
	}
	if r != nil && s.finish(r) {
		*found = append(*found, rowAnswer{at, r.answer})
	}
	r = &reading{answer: Answer{Run: run, ReadID: row.ReadID, Channel: row.Channel, ReadStart: row.ReadStart}}
	s.open[key] = r
	return r
}

// finish makes the last answer of a read final, and says whether it was not yet.
func (s *Search) finish(r *reading) bool {
	if r.answer.Final {
		return false
	}
	r.answer.Final = true
	s.count(r)
	return true
}

// count books a read with a final answer.
func (s *Search) count(r *reading) {
	s.stats.Reads++
	if r.answer.Called {
		s.stats.Called++
	}
	if r.decoy {
		s.stats.DecoyCalls++
	}
	r.chunks = nil
}

// wanted says whether a chunk can still tell something.
func (s *Search) wanted(r *reading, row wire.Row) bool {
	overlap := r.answer.Chunks > 0 && row.ChunkStart+uint64(row.Samples)/2 < r.answer.Samples
	if r.answer.Final || row.Chunk < r.next || overlap {
		s.stats.Unneeded++
		return false
	}
	r.next = row.Chunk + 1
	if !sound(row.Vector) {
		s.stats.Broken++
		return false
	}
	if _, ok := s.cfg.Index.LayerFor(int(row.Samples)); !ok {
		s.stats.Unfit++
		return false
	}
	return true
}

// isLast says whether the read ends with a chunk.
func isLast(row wire.Row) bool { return row.Flags&(signal.FlagTail|signal.FlagShort) != 0 }

// hear takes in what a chunk is similar to in a layer.
func (s *Search) hear(r *reading, row wire.Row, layer int, hits []index.Hit) {
	ix := s.cfg.Index
	middle := (float64(row.ChunkStart) + float64(row.Samples)/2) / ix.Model.SamplesPerBase
	r.chunks = append(r.chunks, listen(len(r.chunks), middle, hits, ix.Layers[layer], ix.StrideBases, s.chance[layer]))
	s.stats.Chunks++
}

// judge makes the answer of what was heard.
func (s *Search) judge(r *reading, row wire.Row) {
	a := &r.answer
	if a.Chunks == 0 {
		r.first = float64(row.ChunkStart)
	}
	a.Chunks++
	a.Samples = row.ChunkStart + uint64(row.Samples)
	contigs := s.cfg.Index.Contigs
	v := locate(r.chunks, func(contig int) bool { return contigs[contig].Decoy })
	decoy := v.decoy + s.handicap
	a.Found = v.found
	a.LeadNats = v.best.support - max(v.elsewhere, decoy)
	a.Probability = probability(a.LeadNats, a.Chunks, s.cfg.Prior)
	a.TargetProbability = probability(v.best.support-max(v.otherTarget, decoy), a.Chunks, s.cfg.Prior)
	a.Place = Place{}
	if v.found {
		a.Place = s.place(r, v.best)
	}
	enough := leadFor(1-s.cfg.FDR, a.Chunks, s.cfg.Prior)
	a.Called = v.found && a.LeadNats >= enough
	r.decoy = decoy-v.best.support >= enough
	a.Final = a.Called || isLast(row) || s.cfg.MaxChunks > 0 && a.Chunks >= s.cfg.MaxChunks
}

// place is what the chunks heard cover.
func (s *Search) place(r *reading, l locus) Place {
	spb := s.cfg.Index.Model.SamplesPerBase
	c := s.cfg.Index.Contigs[l.contig]
	from, to := l.at(r.first/spb), l.at(float64(r.answer.Samples)/spb)
	if l.reverse {
		from, to = to, from
	}
	start := min(max(int(math.Round(from)), 0), c.Length-1)
	return Place{
		Target: c.Name, TargetLength: c.Length, Reverse: l.reverse,
		Start: start, End: min(max(int(math.Round(to)), start+1), c.Length),
	}
}
