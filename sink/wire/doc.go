// Package wire is the message schema: what travels over NATS and what lies in
// Parquet and Arrow files. docs/wire.md tells it to readers in other languages.
//
// A message is one Arrow IPC stream of one record batch. All of its rows share a
// run and a recipe, which stand in the schema's metadata; a row is the vector of
// one chunk. The primary key of a vector is (run, read id, chunk, model digest).
package wire
