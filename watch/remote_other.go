//go:build !linux

package watch

// remote is not known here: notifications are tried, and the whole folder is
// looked at now and then anyway.
func remote(string) bool { return false }

// ownClock is not known here either, and so no clock is relied on.
func ownClock(string) bool { return false }
