package jetstream

import (
	"os"

	"golang.org/x/sys/unix"
)

const canSyncFileSystem = true

// syncFileSystem writes all of a file's file system to disk. Since Linux 5.8 it also
// tells of what could not be written since the file was opened.
func syncFileSystem(f *os.File) error { return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd()))) }
