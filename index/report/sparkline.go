package report

import "slices"

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws counts as high as their share of the highest: nothing is a blank,
// and the least count is still seen.
func sparkline(counts []int) string {
	most := slices.Max(counts)
	line := make([]rune, len(counts))
	for i, n := range counts {
		line[i] = ' '
		if n > 0 {
			line[i] = bars[(n*len(bars)+most-1)/most-1]
		}
	}
	return string(line)
}
