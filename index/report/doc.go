// Package report writes the answers of a search: one line per read as TSV, PAF or
// NDJSON, and a [Summary] of a whole run for a terminal or as JSON.
//
// Text from outside, such as the names of targets, never breaks a line or a
// column: what cannot be printed is written as a space, in PAF as an underscore.
package report
