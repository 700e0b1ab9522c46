package wire

import "math"

// The conversions of arrow-go cut off instead of rounding and lose subnormal
// numbers, which small components of a unit vector are; hence these.

// half rounds to the nearest float16, ties to even.
func half(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000: // NaN
		return sign | 0x7e00
	case bits >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case bits < 0x38800000: // subnormal: counted in units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(bits))*(1<<24)))
	}
	bits += 0xfff + bits>>13&1
	return sign | uint16((bits-112<<23)>>13) // 112 is the difference of the exponents' biases
}

// Single widens a float16; every one has an exact float32.
func Single(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, mantissa := uint32(h>>10&31), uint32(h&0x3ff)
	switch exponent {
	case 0:
		return math.Float32frombits(sign | math.Float32bits(float32(mantissa)/(1<<24)))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}
