// Package fast5 reads FAST5 files, in which nanopore sequencers stored raw signal
// before POD5: HDF5 with one read or many, packed with gzip or VBZ or not at all.
// It needs neither the HDF5 library nor a plugin.
//
// [Open] finds the reads of a file, [File.Reads] walks over them, [File.Signal]
// and [File.Piece] decode samples. Files are read with plain reads at an offset
// and are not trusted: each length is checked before anything is allocated.
//
// What is wrong is a *[signal.Error] that names file and read. [ErrNotFAST5],
// [ErrUnsupported] and [ErrCorrupt] tell apart why. Files that hold only tables of
// events open as files without reads; see [File.EventOnly].
package fast5
