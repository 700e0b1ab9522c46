//go:build !linux

package main

// peakMemory is not known on this system.
func peakMemory() uint64 { return 0 }

// residentMemory is not known here.
func residentMemory(int) uint64 { return 0 }
