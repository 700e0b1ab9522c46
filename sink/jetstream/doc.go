// Package jetstream delivers vectors to NATS JetStream, exactly once, and reads
// them back.
//
// # Server
//
// By default a NATS server runs inside the process, without a listener, and
// keeps its stream in a directory. It syncs before it acknowledges: an
// acknowledgement means on disk. Config.URL names an external server instead.
//
// # Exactly once
//
// The stream is its own checkpoint. A message holds rows of one run, one source
// and one recipe, in their order, and its header Porevec-Batch names the first
// and the last of them. Reads of a source come by ordinal and chunks of a read
// by index; so the last message of a source tells all that is stored of it.
//
// Each subject has one writer. It publishes one message at a time and names the
// sequence number that the subject's last message must have (compare and set).
// A message whose acknowledgement was lost is thus found, not stored twice, and
// a second writer is noticed, whenever it comes.
//
// This asks one thing of sources: a replay that leaves reads out must say so by
// another Origin.Source or Config.Subset, for what is behind the last stored
// chunk counts as stored.
package jetstream
