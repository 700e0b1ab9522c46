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

// Tower maps windows of bases to vectors, see embed/ort.Tower.
type Tower interface {
	Tower() embed.Tower
	Embed(bases []float32, n, length int, out []float32) error
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

// towerBatch is how many windows are embedded in one call.
const towerBatch = 32

// embed gives the vectors of all windows, in the order of ids.
func (p *plan) embed(ctx context.Context, refs *References, cfg BuildConfig, progress func(int)) ([]float32, error) {
	dim := cfg.Tower.Tower().Dim
	vectors := make([]float32, len(p.ids)*dim)
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Threads)
	for from := 0; from < len(p.ids) && working.Err() == nil; from += towerBatch {
		to := min(from+towerBatch, len(p.ids))
		group.Go(func() error {
			if err := working.Err(); err != nil {
				return err
			}
			shares := make([]float32, 0, 4*(to-from)*p.span)
			for _, id := range p.ids[from:to] {
				w := p.numbering.window(int(id))
				shares = appendShares(shares, refs.bases[w.Contig][w.Start:w.Start+p.span], w.Reverse)
			}
			defer progress(to - from)
			return cfg.Tower.Embed(shares, to-from, p.span, vectors[from*dim:to*dim])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return vectors, ctx.Err()
}

// appendShares gives each base's share of A, then of C, of G and of T: 1 and 0
// where the base is certain.
func appendShares(dst []float32, bases []fasta.Base, reverse bool) []float32 {
	n, at := len(bases), len(dst)
	dst = append(dst, make([]float32, 4*n)...)
	for i, base := range bases {
		if reverse {
			i, base = n-1-i, base.Complement()
		}
		share := shareOf[base]
		for row := range 4 {
			dst[at+row*n+i] = share[row]
		}
	}
	return dst
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
