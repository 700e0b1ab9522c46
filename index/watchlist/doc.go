// Package watchlist raises alerts: a [List] names groups of targets, such as the
// sequences of a pathogen, and how many reads of a group call for one; a [Watch]
// follows the answers of a search and tells when that is so.
//
// A list is a TOML file:
//
//	[[group]]
//	name = "Yersinia pestis"
//	targets = ["NC_003143.1", "pMT1*"]  # * stands for any text, ? for one character
//	reads = 3            # alert when this many reads count; 1 unless said or any is
//	probability = 0.99   # reads whose target is less probable than this do not count; 0.99 unless said
//	any = 0.999          # or alert when at least one of the reads that count is right
//	                     # with this probability; never unless said
//	message = "call the duty officer"   # shown in the alert
//
// Names and messages are shown in one line each: what cannot be printed becomes a
// space.
package watchlist
