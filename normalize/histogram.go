package normalize

// histogram counts small integers. A chunk has thousands of samples but spans a
// few hundred ADC counts, so order statistics by counting beat sorting about
// tenfold.
type histogram struct {
	bins     []uint32 // bins[v+origin] counts v
	origin   int
	low, top int // smallest and largest value counted
	total    int
}

// span covers int16 values and their doubled absolute deviations.
const (
	lowest  = -1 << 15
	highest = 1 << 17
)

func (h *histogram) reset() {
	if h.bins == nil {
		h.bins = make([]uint32, highest-lowest+1)
		h.origin = -lowest
	} else if h.total > 0 {
		clear(h.bins[h.low+h.origin : h.top+h.origin+1])
	}
	h.low, h.top, h.total = highest, lowest, 0
}

// count starts anew with the samples.
func (h *histogram) count(samples []int16) {
	h.reset()
	for _, s := range samples {
		h.addN(int(s), 1)
	}
}

func (h *histogram) addN(v int, n uint32) {
	h.bins[v+h.origin] += n
	h.low, h.top = min(h.low, v), max(h.top, v)
	h.total += int(n)
}

// each calls f for every value that occurs, in ascending order.
func (h *histogram) each(f func(value int, count uint32)) {
	for v := h.low; v <= h.top; v++ {
		if n := h.bins[v+h.origin]; n > 0 {
			f(v, n)
		}
	}
}

// at is the value with the given rank, from 0, in ascending order.
func (h *histogram) at(rank int) int {
	seen := 0
	for v := h.low; ; v++ {
		seen += int(h.bins[v+h.origin])
		if seen > rank {
			return v
		}
	}
}

// median2 is twice the median.
func (h *histogram) median2() int { return h.at((h.total-1)/2) + h.at(h.total/2) }
