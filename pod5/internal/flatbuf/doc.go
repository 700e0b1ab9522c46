// Package flatbuf reads and writes the few FlatBuffers constructs that POD5
// needs: tables, strings, and vectors of scalars, structs, strings and tables.
//
// Reading trusts nothing. A [Table] that points outside of its buffer reads as
// zero values and the buffer remembers it: check [Buffer.Err] when done.
package flatbuf
