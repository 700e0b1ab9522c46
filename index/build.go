package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/index/fasta"
	"github.com/porevec/porevec/internal/version"
)

// Tower maps windows of a stretch of sequence to vectors, see embed/ort.Tower.
type Tower interface {
	Tower() embed.Tower
	Embed(shares []float32, starts []int, span int, out []float32) error
}

// BuildConfig says how to make an index.
type BuildConfig struct {
	Tower Tower
	// Windows are the lengths of chunks, in samples, that can be sought.
	Windows []int
	// StrideBases is the distance of two windows' starts.
	StrideBases int
	// DecoyBases is the most that decoys may cover; with fewer bases of targets,
	// decoys are as long as those.
	DecoyBases int
	Threads    int
	// Progress is told from time to time how many windows of how many are embedded.
	Progress func(done, total int)
}

// The defaults of a build.
const (
	// DefaultStrideBases leaves at least 93 % of overlap between a chunk of 4096
	// samples and the nearest window.
	DefaultStrideBases = 32
	// DefaultDecoyBases show what chance finds as well as many more would.
	DefaultDecoyBases = 1_000_000
)

// maxAmbiguous is the share of bases that are not certain, beyond which a window
// is left out: the encoder knows certain bases only, and makes what it can of few
// others.
const maxAmbiguous = 0.1

// References are sequences to be indexed.
type References struct {
	files   []File
	contigs []Contig
	bases   [][]fasta.Base // of each contig
}

// Build embeds all windows of both strands of the references, and of decoys made
// of them.
func Build(ctx context.Context, refs *References, cfg BuildConfig) (*Built, error) {
	tower := cfg.Tower.Tower()
	withDecoys := refs.withDecoys(cfg.DecoyBases)
	b := &Built{header: Header{
		Software: "porevec " + version.Version, StrideBases: cfg.StrideBases, Files: refs.files, Contigs: withDecoys.contigs,
		Model: Model{
			ID: tower.ID, Reference: tower.Digest, Signals: tower.Signals, Dim: tower.Dim,
			SamplesPerBase: tower.SamplesPerBase, LeaderSamples: tower.LeaderSamples,
		},
	}}
	windows := slices.Clone(cfg.Windows)
	slices.Sort(windows)
	var plans []*plan
	total := 0
	for _, window := range slices.Compact(windows) {
		p := withDecoys.plan(window, int(float64(window)/tower.SamplesPerBase+0.5), cfg.StrideBases)
		if p.targets == 0 {
			return nil, fmt.Errorf("no target has a stretch of %d bases that could be indexed for chunks of %d samples: all are shorter, or consist of N", p.span, window)
		}
		plans = append(plans, p)
		total += len(p.ids)
	}
	if len(plans) == 0 {
		return nil, errors.New("no window is given")
	}
	var done atomic.Int64
	for _, p := range plans {
		vectors, err := p.embed(ctx, withDecoys, cfg, func(n int) { cfg.Progress(int(done.Add(int64(n))), total) })
		if err != nil {
			return nil, err
		}
		layer, err := arrange(ctx, p, vectors, tower.Dim, cfg.Threads)
		if err != nil {
			return nil, err
		}
		b.layers = append(b.layers, layer)
	}
	return b, nil
}

// plan is the windows of one length that will be embedded.
type plan struct {
	window, span int // samples, bases
	numbering    numbering
	ids          []uint32
	targets      int // ids of targets; those of decoys follow
}

func (r *References) plan(window, span, stride int) *plan {
	p := &plan{window: window, span: span, numbering: number(r.contigs, span, stride)}
	for i, c := range r.contigs {
		n := starts(c.Length, span, stride)
		uncertain := make([]int32, c.Length+1) // before each base
		for j, base := range r.bases[i] {
			uncertain[j+1] = uncertain[j]
			if !base.Certain() {
				uncertain[j+1]++
			}
		}
		for k := range 2 * n {
			start := k % n * stride
			if float64(uncertain[start+span]-uncertain[start]) <= maxAmbiguous*float64(span) {
				p.ids = append(p.ids, uint32(p.numbering.first[i]+k))
			}
		}
		if !c.Decoy {
			p.targets = len(p.ids)
		}
	}
	return p
}

const (
	// stretchWindows is how many windows are embedded in one call.
	stretchWindows = 256
	// around is how many bases on both sides of a stretch the tower sees: more than
	// matter to a frame.
	around = 64
)

// embed gives the vectors of all windows, in the order of ids.
func (p *plan) embed(ctx context.Context, refs *References, cfg BuildConfig, progress func(int)) ([]float32, error) {
	dim := cfg.Tower.Tower().Dim
	vectors := make([]float32, len(p.ids)*dim)
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Threads)
	for from := 0; from < len(p.ids) && working.Err() == nil; {
		to := p.stretch(from)
		ids, out := p.ids[from:to], vectors[from*dim:to*dim]
		group.Go(func() error {
			if err := working.Err(); err != nil {
				return err
			}
			defer progress(len(ids))
			shares, starts := p.shares(refs, ids)
			return cfg.Tower.Embed(shares, starts, p.span, out)
		})
		from = to
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return vectors, ctx.Err()
}

// stretch is where the windows end that lie near one another on one strand.
func (p *plan) stretch(from int) (to int) {
	first := p.numbering.window(int(p.ids[from]))
	for to = from + 1; to < min(from+stretchWindows, len(p.ids)); to++ {
		w, before := p.numbering.window(int(p.ids[to])), p.numbering.window(int(p.ids[to-1]))
		if w.Contig != first.Contig || w.Reverse != first.Reverse || w.Start-before.Start > p.span {
			break
		}
	}
	return to
}

// shares of the stretch that windows lie in, and where in it they begin. The last
// window of the reverse strand begins first.
func (p *plan) shares(refs *References, ids []uint32) (shares []float32, starts []int) {
	first, last := p.numbering.window(int(ids[0])), p.numbering.window(int(ids[len(ids)-1]))
	all := refs.bases[first.Contig]
	from, to := max(first.Start-around, 0), min(last.Start+p.span+around, len(all))
	for _, id := range ids {
		start := p.numbering.window(int(id)).Start - from
		if first.Reverse {
			start = to - from - start - p.span
		}
		starts = append(starts, start)
	}
	return sharesOf(all[from:to], first.Reverse), starts
}

// sharesOf gives each base's share of A, then of C, of G and of T: 1 and 0 where the
// base is certain.
func sharesOf(bases []fasta.Base, reverse bool) []float32 {
	n := len(bases)
	shares := make([]float32, 4*n)
	for i, base := range bases {
		if reverse {
			i, base = n-1-i, base.Complement()
		}
		for row, share := range shareOf[base] {
			shares[row*n+i] = share
		}
	}
	return shares
}

var shareOf = func() (table [16][4]float32) {
	for set := fasta.Base(1); set <= fasta.N; set++ {
		var count float32
		for row := range 4 {
			count += float32(set >> row & 1)
		}
		for row := range 4 {
			table[set][row] = float32(set>>row&1) / count
		}
	}
	return table
}()
