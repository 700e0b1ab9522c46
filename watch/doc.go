// Package watch finds recorded files in a folder as the sequencer finishes them.
//
// A [Watcher] hands out each finished file once, in the order in which they were
// completed; whether a file is complete is for the caller to say
// ([Options].Finished). A [Log] remembers over a restart what was dealt with.
//
// # How it looks
//
// Notifications of the system say where to look and never what is there: truth is
// what a look at the file system shows. A look at the whole folder follows every
// now and then, so a lost notification costs time and not a file. File systems
// that do not notify of what others write (NFS, SMB, FUSE and the like) are only
// polled, and so is whatever the system has no notifications left for. A folder
// that is gone, since a disk was unplugged or a share is down, is polled until it
// is back.
//
// Hidden files and folders (leading dot) are left out. Symbolic links are
// followed, but no folder is entered twice. A file's time is compared with the clock
// only where it is the same clock: never on file systems of other computers, whose
// clock may be behind so that a file that is being written looks old. A time that is
// still to come says nothing.
//
// # What is the same file
//
// A file is known by its name below the watched folder, its size and its time of
// modification: another size or time under the same name is another file. It is
// also known by its place on the disk (device and inode) with size and time, so a
// file that is moved to another folder, or has two names, is handed out once. On
// systems without inodes a moved file is another file; a copy is another file
// everywhere. Programs that copy set a file's time back when they have written it:
// with everything else the same, an earlier time is no change. A file system that
// makes the time later after the last byte was written can have a file handed out
// twice, never not at all.
//
// # What it takes
//
// One goroutine, another one for notifications, and memory in proportion to the
// number of files: some hundred bytes for each one that is in the folder or was
// handed out. Finished files wait in memory, as names, until they are asked for.
package watch
