// Package pod5 reads and writes POD5 files, the raw signal of nanopore
// sequencers.
//
// [Open] reads the footer and the runs of one file; [File.Reads] walks over its
// reads, [File.Read] finds one by its id; [File.Signal] and [File.Row] decode
// samples, and a [Pager] reads ahead what others decode. [Writer] makes a file,
// [Recover] saves what a damaged one holds.
//
// # What is read
//
// Every layout of the reads table that has been in use, v0 to v4, signal packed
// with VBZ or as plain int16. Which layout a file has is decided column by column,
// by presence and type: the version that a file states is not to be relied upon.
// Columns that are not known are ignored.
//
// # What it takes
//
// Files are read with plain reads at an offset, never mapped, so that a failing
// disk or network is an error and not a crash. Reads are loaded a thousand at a
// time and signal row by row or page by page; memory does not grow with the file,
// but for the index of ids that [File.Read] and [File.ReadsOf] make. Files are not
// trusted: each length is checked before anything is allocated for it.
//
// # Errors
//
// What is wrong inside of a file is a *[signal.Error] of class corrupt that names
// file and read. [ErrNotPOD5], [ErrUnfinished] and [ErrUnsupported] tell apart why
// a whole file cannot be read. Errors of the file system are passed on, so that
// errors.Is finds fs.ErrNotExist and fs.ErrPermission.
package pod5
