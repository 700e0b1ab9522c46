// Package pipeline joins a source, the cutting of chunks, an encoder and a sink
// with goroutines and bounded channels:
//
//	source ──Block──▶ cut ──batch──▶ encode (N workers) ──in order──▶ deliver
//
// Only this package knows that the others meet.
//
// # Order
//
// Batches reach the sink in the order in which they were cut, however many
// workers encode them. A sink may therefore use the last vector that it stored
// as a checkpoint.
//
// # Memory
//
// Batches come from a fixed set. When the sink is slow, none is free, the cutter
// waits, the channel of blocks fills, and the source stops reading.
//
// # A live feed
//
// A sequencer does not wait. With [Config.Backlog] neither does the cutter: chunks
// that find no free batch wait in a backlog, and when that is full, the oldest are
// shed, from each channel alike.
//
// # Accounting
//
// Every sample and chunk ends in the [Report] under exactly one name:
//
//	samples = embedded + Σ skipped, by reason
//	chunks  = acknowledged + stored before + failed + cancelled + shed
//
// [Report.Check] says whether a report holds to that.
//
// # Stopping
//
// [Pipeline.Stop] ends the source and lets what is under way reach the sink;
// cancelling the context of [Pipeline.Run] gives the rest up, and counts it.
package pipeline
