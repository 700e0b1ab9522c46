// Package vbz packs and unpacks the signal of POD5 files: differences of
// neighbouring samples, zigzag, one or two bytes per value with one key bit
// each, all in one zstd frame per row.
//
//	keys  ceil(n/8) bytes; sample i is bit i%8 of byte i/8, from the lowest
//	data  one byte for a key bit of 0, two (little-endian) for 1
//
// The filter of FAST5 files goes by the same name, but its layout differs.
package vbz
