// Package signal holds the words that the rest of porevec speaks: a [Run] of a
// sequencer, the [Read] of one molecule, a [Block] of its raw samples, the
// [Chunk] cut from it, the [Batch] that an encoder takes and the [Embedded]
// vectors that it gives back. It does no I/O and imports nothing of ours.
//
// # Units
//
// A sample is one int16 ADC count. Positions and lengths are counted in
// samples. Current is in picoampere (pA):
//
//	pA = (adc + Calibration.Offset) * Calibration.Scale
//
// # Ownership
//
// Whoever receives a [Block] owns it and calls its Release exactly once. The
// memory behind it is pooled and bounded, which is how a slow sink slows the
// source. A [Batch] and an [Embedded] are lent for the call that they are given to.
package signal
