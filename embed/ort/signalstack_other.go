//go:build !linux

package ort

// keepSignalStack calls f: only on Linux a provider is known to change it.
func keepSignalStack(f func() error) error { return f() }
