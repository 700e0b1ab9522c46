// Package jetstream delivers vectors to NATS JetStream, exactly once, and reads
// them back.
//
// # Server
//
// By default a NATS server runs inside the process, without a listener, and
// keeps its stream in a directory. An acknowledgement means on disk: the server syncs
// each message before it acknowledges, or, in mode [Group], the sink holds
// acknowledgements back until one sync has passed many messages. Config.URL names an
// external server instead.
//
// # Exactly once
//
// The stream is its own checkpoint. A message holds rows of one run, one source
// and one recipe, in their order, and its header Porevec-Batch names the stretch of the
// source that it settles (package checkpoint). So the headers of a subject tell all that
// is stored of it.
//
// A writer publishes one message at a time and names the sequence number that the
// subject's last message must have (compare and set). A message whose acknowledgement
// was lost is thus found, not stored twice; and of what another writer has stored
// meanwhile nothing is stored again. Live reads come from no file and have no places to
// compare: a second writer that follows the same run is told to stop.
//
// This asks one thing of sources: a replay that leaves reads out must say so by
// another Origin.Source or Config.Choice, for what is behind the last stored
// chunk counts as stored.
//
// # Failures
//
// Whatever the server says, or does not, is tried again with growing pauses, but for
// what will never work. A full stream, or a disk below its floor, thus makes Put wait
// when the bytes in flight are used up. A server whose writes have failed is started
// again when there is room.
package jetstream
