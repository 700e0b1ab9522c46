package index

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/index/fasta"
)

const (
	// stretchBases is how far apart windows begin that are embedded in one call.
	stretchBases = 8192
	// around is how many bases on both sides of a stretch the tower sees: more than
	// matter to a frame.
	around = 64
)

// embedAll gives all plans their vectors. Windows of all lengths that lie in one
// stretch of one strand are embedded together: they share most of the work.
func embedAll(ctx context.Context, refs *References, plans []*plan, total int, cfg BuildConfig) error {
	dim := cfg.Tower.Tower().Dim
	next := make([]int, len(plans)) // id of each plan that comes next
	for _, p := range plans {
		p.vectors = newVectors(len(p.ids), dim)
	}
	var done atomic.Int64
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Threads)
	for contig, c := range refs.contigs {
		for _, reverse := range []bool{false, true} {
			for from := 0; from < c.Length && working.Err() == nil; from += stretchBases {
				s := stretch{bases: refs.bases[contig], reverse: reverse, from: c.Length}
				for i, p := range plans {
					first := next[i]
					for next[i] < len(p.ids) {
						w := p.numbering.window(int(p.ids[next[i]]))
						if w.Contig != contig || w.Reverse != reverse || w.Start >= from+stretchBases {
							break
						}
						s.add(w.Start, p.span)
						next[i]++
					}
					s.parts = append(s.parts, p.vectors.part(first, next[i]))
				}
				if len(s.windows) == 0 {
					continue
				}
				group.Go(func() error {
					if err := working.Err(); err != nil {
						return err
					}
					defer func() { cfg.Progress(int(done.Add(int64(len(s.windows)))), total) }()
					return s.embed(cfg.Tower)
				})
			}
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// stretch is a part of a contig with the windows that begin in it.
type stretch struct {
	bases   []fasta.Base // of the whole contig
	reverse bool
	// from and to enclose the windows, in bases of the forward strand.
	from, to int
	windows  []embed.Span // their starts are those of the contig
	parts    []vectors    // where the vectors go, plan after plan
}

func (s *stretch) add(start, span int) {
	s.windows = append(s.windows, embed.Span{Start: start, Length: span})
	s.from, s.to = min(s.from, start), max(s.to, start+span)
}

func (s *stretch) embed(tower Tower) error {
	from, to := max(s.from-around, 0), min(s.to+around, len(s.bases))
	for i, w := range s.windows {
		s.windows[i].Start = w.Start - from
		if s.reverse {
			s.windows[i].Start = to - w.Start - w.Length
		}
	}
	out := make([]float32, len(s.windows)*tower.Tower().Dim)
	if err := tower.Embed(sharesOf(s.bases[from:to], s.reverse), s.windows, out); err != nil {
		return err
	}
	for _, part := range s.parts {
		out = part.fill(out)
	}
	return nil
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
