package main

// longestSeconds bounds --seconds: an hour tells no more of a speed than a minute does.
const longestSeconds = 3600

// validateSeconds refuses what is no time to measure for, NaN among it.
func validateSeconds(seconds float64) error {
	if !(seconds > 0 && seconds <= longestSeconds) {
		return usageError("--seconds %v: must be above 0, and at most %d", seconds, longestSeconds)
	}
	return nil
}
