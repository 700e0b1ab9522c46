// Package hdf5 reads the part of HDF5 that files of nanopore reads use: groups,
// scalar attributes, and datasets of one dimension. It only reads, with plain
// reads at an offset, and trusts nothing: every address and length is checked
// against the file, every chain of blocks is followed once.
//
// The structures are those of the HDF5 File Format Specification, versions 1.1
// to 3.0. What is not known gives [ErrUnsupported] and names it; nothing is ever
// guessed.
package hdf5
