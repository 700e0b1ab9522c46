package report

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/porevec/porevec/index/search"
)

type paf struct {
	out            *bufio.Writer
	samplesPerBase float64
	leader         uint64 // samples
}

func (w *paf) Write(a *search.Answer) error {
	if !a.Final {
		return nil
	}
	length := w.bases(a.Samples)
	if a.Called && a.Found {
		p := a.Place
		aligned := p.End - p.Start
		fmt.Fprintf(w.out, "%s\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\ttp:A:P",
			a.ReadID, length, w.bases(min(w.leader, a.Samples)), length, strand(p),
			pafName(p.Target), p.TargetLength, p.Start, p.End,
			expected(a.Probability, aligned), aligned, mapq(a.Probability))
	} else {
		fmt.Fprintf(w.out, "%s\t%d\t0\t0\t*\t*\t0\t0\t0\t0\t0\t0", a.ReadID, length)
	}
	fmt.Fprintf(w.out, "\tch:i:%d\tst:i:%d\tns:i:%d\tnc:i:%d", a.Channel, a.ReadStart, a.Samples, a.Chunks)
	if finite(a.Probability) {
		fmt.Fprintf(w.out, "\tpr:f:%.6f", a.Probability)
	}
	if finite(a.LeadNats) {
		fmt.Fprintf(w.out, "\tld:f:%.3f", a.LeadNats)
	}
	fmt.Fprintf(w.out, "\tmt:f:%.3f", a.Spent.Seconds()*1000)
	return w.out.WriteByte('\n')
}

func (w *paf) Flush() error { return w.out.Flush() }

func (w *paf) bases(samples uint64) int { return int(math.Round(float64(samples) / w.samplesPerBase)) }

// expected is how many of the bases lie where they are said to, on average over
// answers of this probability.
func expected(probability float64, bases int) int {
	if math.IsNaN(probability) {
		return 0
	}
	return int(math.Round(min(max(probability, 0), 1) * float64(bases)))
}

const (
	mapqMost    = 60
	mapqMissing = 255 // by the definition of PAF
)

// mapq is the probability of an error on Phred's scale.
func mapq(probability float64) int {
	if math.IsNaN(probability) {
		return mapqMissing
	}
	wrong := min(max(1-probability, 0), 1)
	return int(math.Round(min(mapqMost, -10*math.Log10(wrong))))
}

// pafName makes a name one word.
func pafName(s string) string {
	if s == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
}

// finite tells numbers that every reader knows from NaN and the infinities.
func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
