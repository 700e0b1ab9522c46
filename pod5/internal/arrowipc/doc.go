// Package arrowipc reads and writes the part of the Arrow IPC file format that
// POD5 uses: no compression of bodies, no views, no unions, little-endian.
//
// A table is read in pieces: [Batch.Load] brings a range of rows of one column
// into memory, [Batch.Extents] only says where in the file the bytes of each row
// lie. Files are not trusted: every offset and length is checked before it is
// used or allocated for, and what a batch can take in memory is bounded by what
// it takes in the file.
package arrowipc
