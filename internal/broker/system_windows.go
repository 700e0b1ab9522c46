package broker

import (
	"os"

	"golang.org/x/sys/windows"
)

// ErrLocked says that another process holds the file.
var ErrLocked = windows.ERROR_LOCK_VIOLATION

// LockFile holds a file until it is closed, or gives ErrLocked when another does. The locked byte lies
// far behind the text, which others may thus read.
func LockFile(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: 1 << 30})
}

// DiskSpace is what the file system of a path has and has left, in bytes.
func DiskSpace(path string) (size, free uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(name, &free, &size, nil)
	return size, free, err
}
