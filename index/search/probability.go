package search

import "math"

// calibration turns a lead into the logarithm of the odds that a place is right:
// base + perNat · lead.
type calibration struct{ base, perNat float64 }

// calibrations of answers after one chunk, two, and more: the more chunks there are,
// the more ways chance has to put them on a line. training/search_calibrate.py found
// them on simulated reads under hard conditions, half of which came from no target,
// of both families, against indices from 48 kb to 4.6 Mb. The decoys make them hold
// for any size.
var calibrations = [...]calibration{{-1.2, 1.8}, {-2.8, 1.06}, {-2.6, 0.88}}

func calibrationFor(chunks int) calibration {
	return calibrations[min(chunks, len(calibrations))-1]
}

// probability of the best place, by its lead in nats over the best rival and the
// share of reads that are expected to come from the index.
func (c calibration) probability(lead, prior float64) float64 {
	return 1 / (1 + math.Exp(-(c.base + c.perNat*lead + logit(prior))))
}

// lead that makes a place so probable.
func (c calibration) lead(probability, prior float64) float64 {
	return (logit(probability) - c.base - logit(prior)) / c.perNat
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
