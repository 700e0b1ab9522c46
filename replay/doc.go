// Package replay plays recorded runs back: files and folders of POD5 and FAST5
// as one [Source] of blocks.
//
// [FindFiles] turns files and folders into a list. [Open] opens a file of either
// format as a [Recording]. [Source] walks over many of them: one goroutine reads
// stored signal in file order, several decode it, and Next hands the samples out
// in order. A fixed number of buffers is all the memory that this takes, however
// large the files are.
package replay
