package segment

import (
	"math"

	"github.com/porevec/porevec/signal"
)

const (
	// openPorePA is the current above which no base can be in the pore: k-mer
	// levels of R9.4.1 end at 120 pA and those of R10.4.1 near 152 pA, while an
	// empty pore carries 180 to 220 pA.
	openPorePA = 160
	// openPoreRun is how many samples in a row must lie above it: single spikes
	// do not count.
	openPoreRun = 50
	// A stall is stallBlocks blocks in a row, of stallBlock samples each (about
	// 8 bases), whose standard deviation stays below 1/stallRatio of the read's:
	// a molecule that moves changes level with every base.
	stallBlock  = 100
	stallBlocks = 10
	stallRatio  = 3
)

// Span is the samples [Start, End), counted from the first one given.
type Span struct{ Start, End int }

// OpenPores finds the runs of at least 50 samples above 160 pA.
func OpenPores(samples []int16, cal signal.Calibration) []Span {
	threshold := float64(openPorePA)/float64(cal.Scale) - float64(cal.Offset)
	if !(threshold < math.MaxInt16) {
		return nil // beyond the ADC's range, or no calibration
	}
	limit := int16(max(threshold, math.MinInt16))
	var spans []Span
	for i := 0; i < len(samples); i++ {
		if samples[i] <= limit {
			continue
		}
		start := i
		for i < len(samples) && samples[i] > limit {
			i++
		}
		if i-start >= openPoreRun {
			spans = append(spans, Span{start, i})
		}
	}
	return spans
}

// Stalls finds where the current stands still for at least 1000 samples, judged
// against spread, the standard deviation of the moving read in ADC counts.
func Stalls(samples []int16, spread float64) []Span {
	var spans []Span
	limit := (spread / stallRatio) * (spread / stallRatio)
	blocks := len(samples) / stallBlock
	for i := 0; i < blocks; i++ {
		start := i
		for i < blocks && newMoments(samples[i*stallBlock:(i+1)*stallBlock]).variance() < limit {
			i++
		}
		if i-start >= stallBlocks {
			spans = append(spans, Span{start * stallBlock, i * stallBlock})
		}
	}
	return spans
}

// moments are the count, sum and sum of squares of samples. Integers keep them
// exact, whatever pieces they are added in.
type moments struct{ n, sum, squares int64 }

func newMoments(samples []int16) moments {
	m := moments{n: int64(len(samples))}
	for _, s := range samples {
		v := int64(s)
		m.sum += v
		m.squares += v * v
	}
	return m
}

func (m *moments) add(o moments) { m.n, m.sum, m.squares = m.n+o.n, m.sum+o.sum, m.squares+o.squares }

func (m moments) variance() float64 {
	if m.n == 0 {
		return 0
	}
	mean := float64(m.sum) / float64(m.n)
	return max(0, float64(m.squares)/float64(m.n)-mean*mean)
}

func (m moments) deviation() float64 { return math.Sqrt(m.variance()) }

// Spread is the standard deviation of samples, in ADC counts.
func Spread(samples []int16) float64 { return newMoments(samples).deviation() }
