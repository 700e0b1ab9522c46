package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/porevec/porevec/index/search"
)

// appendPAF writes a line as mappers do. The read's length and ends are estimated
// bases of the signal heard. There is no alignment: its length is that of the place,
// and its matches are that times the probability. A read that is not called has no
// place, as minimap2 writes it with --paf-no-hit.
//
// Tags: ch channel, st first sample since the start of the acquisition, ns samples
// heard, nc chunks heard, pr probability, ld lead in nats.
func appendPAF(dst []byte, a *search.Answer, o *Options) []byte {
	bases := func(samples float64) int { return int(samples / o.SamplesPerBase) }
	length := bases(float64(a.Samples))
	if a.Called {
		p := &a.Place
		span := p.End - p.Start
		dst = fmt.Appendf(dst, "%s\t%d\t%d\t%d\t%c\t%s\t%d\t%d\t%d\t%d\t%d\t%d\ttp:A:P",
			a.ReadID, length, min(bases(float64(o.LeaderSamples)), length), length, strand(p),
			pafName(p.Target), p.TargetLength, p.Start, p.End, int(math.Round(a.Probability*float64(span))), span, quality(a.Probability))
	} else {
		dst = fmt.Appendf(dst, "%s\t%d\t0\t0\t*\t*\t0\t0\t0\t0\t0\t0", a.ReadID, length)
	}
	return fmt.Appendf(dst, "\tch:i:%d\tst:i:%d\tns:i:%d\tnc:i:%d\tpr:f:%.4f\tld:f:%.2f\n",
		a.Channel, a.ReadStart, a.Samples, a.Chunks, a.Probability, a.LeadNats)
}

// quality is -10 log10 of the probability of an error, 60 at most.
func quality(p float64) int {
	if !(p < 1) {
		return 60
	}
	return min(60, int(math.Round(-10*math.Log10(1-p))))
}

// pafName keeps a name from passing for two columns.
func pafName(name string) string { return strings.ReplaceAll(clean(name), " ", "_") }
