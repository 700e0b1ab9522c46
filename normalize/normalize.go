// Package normalize finds, for one chunk of ADC counts, the shift and scale
// that bring it to the range in which an encoder was trained:
//
//	x = (adc − shift) / scale
//
// The division itself is part of the encoder's graph, so that samples travel
// as int16. Three methods are known; a model names its own in its metadata.
//
//	pa        standardized picoampere, the same constants for every read:
//	          x = (pA − mean) / sd
//	medmad    median and 1.4826 · median absolute deviation of the chunk
//	quantile  0.51·(q20 + q90) and 0.53·(q90 − q20) of the chunk, dorado's
//	          formula with its default constants
//
// All of them look at nothing but the chunk and the read's calibration, hence
// the same values live and replayed.
package normalize

import (
	"fmt"
	"math"

	"github.com/porevec/porevec/signal"
)

// Method names a way to normalize.
type Method string

// The methods, as model metadata spells them.
const (
	PA       Method = "pa"
	MedMAD   Method = "medmad"
	Quantile Method = "quantile"
)

// Normalizer fits chunks. It keeps scratch memory: one goroutine each.
type Normalizer struct {
	method         Method
	meanPA, sdPA   float64
	values, spread histogram
}

// New makes a normalizer. meanPA and sdPA (in pA) matter to PA alone.
func New(method Method, meanPA, sdPA float64) (*Normalizer, error) {
	switch method {
	case PA:
		if !(sdPA > 0) || math.IsInf(sdPA, 0) || math.IsNaN(meanPA) || math.IsInf(meanPA, 0) {
			return nil, fmt.Errorf("normalization %q needs a finite mean and a standard deviation above 0 pA, not %g and %g", method, meanPA, sdPA)
		}
	case MedMAD, Quantile:
	default:
		return nil, fmt.Errorf("unknown normalization %q: this version knows %q, %q and %q", method, PA, MedMAD, Quantile)
	}
	return &Normalizer{method: method, meanPA: meanPA, sdPA: sdPA}, nil
}

// Fit gives shift and scale of one chunk, both in ADC counts; scale is above
// 0. Only PA uses the calibration, and fails on one that is no number or whose
// scale is not above 0.
func (n *Normalizer) Fit(samples []int16, cal signal.Calibration) (shift, scale float32, err error) {
	switch n.method {
	case PA:
		perCount, offset := float64(cal.Scale), float64(cal.Offset)
		if !(perCount > 0) || math.IsInf(perCount, 0) || math.IsNaN(offset) || math.IsInf(offset, 0) {
			return 0, 0, fmt.Errorf("calibration (offset %g, scale %g pA per count) cannot give picoampere", cal.Offset, cal.Scale)
		}
		return float32(n.meanPA/perCount - offset), float32(n.sdPA / perCount), nil
	case MedMAD:
		shift, scale = n.medMAD(samples)
	default:
		shift, scale = n.quantile(samples)
	}
	return shift, scale, nil
}

// medMAD is exact: medians of even counts are the mean of the middle two.
func (n *Normalizer) medMAD(samples []int16) (shift, scale float32) {
	if len(samples) == 0 {
		return 0, 1
	}
	n.values.count(samples)
	// Doubled, so that half counts stay integers.
	median2 := n.values.median2()
	n.spread.reset()
	n.values.each(func(value int, count uint32) {
		n.spread.addN(abs(2*value-median2), count)
	})
	mad := float64(n.spread.median2()) / 4
	// 1.4826 makes the MAD of normal noise its standard deviation. One count is
	// the ADC's resolution: a flat chunk must not blow up.
	return float32(median2) / 2, float32(max(1.4826*mad, 1))
}

// quantile uses the constants of dorado's default (quantiles 0.2 and 0.9,
// factors 0.51 and 0.53, floors 10 and 1).
func (n *Normalizer) quantile(samples []int16) (shift, scale float32) {
	if len(samples) == 0 {
		return 0, 1
	}
	n.values.count(samples)
	last := float64(len(samples) - 1)
	q20 := float64(n.values.at(int(0.2 * last)))
	q90 := float64(n.values.at(int(0.9 * last)))
	return float32(max(10, 0.51*(q20+q90))), float32(max(1, 0.53*(q90-q20)))
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
