package search

import "math"

// How sure a lead makes: the logarithm of the odds that a place is right is
//
//	base + (perNat + once/chunks) · lead − perDoubt · ln(chunks)
//
// for a read that comes from the index as likely as not. The more chunks there are,
// the more ways chance has to put them on a line. training/search_calibrate.py found
// the constants on simulated reads of both families under hard conditions, against
// four indices from 48 kb to 4.6 Mb; the decoys make them hold for any size.
const (
	base     = -1.00
	perNat   = 0.69
	once     = 1.08
	perDoubt = 2.65
)

// probability of the best place after some chunks, by its lead in nats over the best
// rival and the share of reads that are expected to come from the index.
func probability(lead float64, chunks int, prior float64) float64 {
	return 1 / (1 + math.Exp(-(slope(chunks)*lead + doubt(chunks) + logit(prior))))
}

// leadFor is the inverse of probability.
func leadFor(probability float64, chunks int, prior float64) float64 {
	return (logit(probability) - doubt(chunks) - logit(prior)) / slope(chunks)
}

func slope(chunks int) float64 { return perNat + once/float64(chunks) }

func doubt(chunks int) float64 { return base - perDoubt*math.Log(float64(chunks)) }

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
