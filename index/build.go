package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/index/fasta"
	"github.com/porevec/porevec/internal/version"
)

// Tower maps windows of a stretch of sequence to vectors, see embed/ort.Tower.
type Tower interface {
	Tower() embed.Tower
	Embed(shares []float32, windows []embed.Span, out []float32) error
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
	fileOf  map[string]int // by name of the sequence
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
	if err := embedAll(ctx, withDecoys, plans, total, cfg); err != nil {
		return nil, err
	}
	for _, p := range plans {
		layer, err := arrange(ctx, p, cfg.Threads)
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
	targets      int     // ids of targets; those of decoys follow
	vectors      vectors // of ids, once they are embedded
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
