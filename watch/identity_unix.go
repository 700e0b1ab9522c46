//go:build unix

package watch

import (
	"io/fs"
	"strconv"
	"syscall"
)

// identity is the same for all names of a file or folder, and for no two of them.
func identity(_ string, info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t) // what os.Stat gives on these systems
	return strconv.FormatUint(uint64(stat.Dev), 16) + ":" + strconv.FormatUint(uint64(stat.Ino), 16)
}
