//go:build !linux || !cgo

package power

// openNVML finds no driver in this build.
func openNVML() (cards, error) { return nil, nil }
