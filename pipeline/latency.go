package pipeline

import (
	"math"
	"time"
)

// The classes of Latency begin at 0.1 ms and grow by a twelfth each; the last one
// is open, from about 110 s on.
const (
	latencyBegin   = 100 * time.Microsecond
	latencyGrowth  = 13. / 12
	latencyClasses = 174
)

// Latency counts times by their logarithm. A quantile is right to 8 %.
type Latency struct {
	Count   uint64
	Longest time.Duration
	classes [latencyClasses]uint64
}

func (l *Latency) add(d time.Duration) {
	l.Count++
	l.Longest = max(l.Longest, d)
	class := math.Ceil(math.Log(float64(max(d, latencyBegin))/float64(latencyBegin)) / math.Log(latencyGrowth))
	l.classes[min(int(class), latencyClasses-1)]++
}

// Quantile is a time that the share q of all, 0 to 1, did not exceed; 0 when there
// is none.
func (l *Latency) Quantile(q float64) time.Duration {
	need := uint64(math.Ceil(q * float64(l.Count)))
	var sum uint64
	for class, n := range l.classes {
		if sum += n; sum >= need && sum > 0 {
			return min(time.Duration(float64(latencyBegin)*math.Pow(latencyGrowth, float64(class))), l.Longest)
		}
	}
	return l.Longest
}
