// Package simulator serves recorded reads as a MinKNOW host: a manager and flow-cell
// positions, over TLS, each position with a run whose reads are measured anew.
//
//	recording ──reads──▶ reel ──placed reads──▶ position ──pieces──▶ streams of clients
//
// The samples are the recorded ones. A position has a clock of its own, which may run
// faster than real time; a reel puts reads on its channels, at their recorded times or
// one after the other; and each stream of a client is sent the pieces of reads that
// have been completed since it was served last. So a slow client gets larger pieces, as
// from MinKNOW.
//
// As MinKNOW does, it sends pieces of reads in progress only: the last, incomplete piece
// of a read never comes, nor does a read shorter than one.
//
// [Fault] lists what can be made to go wrong.
package simulator
