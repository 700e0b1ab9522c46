// Package minknow follows the sequencing runs of MinKNOW hosts and gives their
// signal as a source of blocks:
//
//	host ──positions──▶ position ──run──▶ session ──messages──▶ queue ──▶ tracker ──▶ block
//
// A [Feed] watches the flow-cell positions of its hosts, waits at each for a
// sequencing run, streams the uncalibrated signal of all channels, and goes on through
// mux scans, pauses, stops, lost connections and restarts of MinKNOW until it is closed.
//
// It is passive: of all that MinKNOW can be asked to do to a read, it asks nothing. The
// only message that leaves on the stream of signal is its setup.
//
// # Truth about the signal
//
// MinKNOW tells where each piece of signal begins. The tracker compares that with
// where the piece before it ended, and never joins what does not touch. What was
// missing, came twice, too late or merged is counted in [Stats], and marked in the
// blocks. When a read is over, [Seen] says exactly which of its samples came.
//
// # Overload
//
// Whoever reads the stream only puts messages into a queue of bounded size. When it is
// full, the signal of the newest message is dropped, and booked as shed: MinKNOW is
// never made to wait.
package minknow
