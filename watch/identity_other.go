//go:build !unix

package watch

import (
	"io/fs"
	"path/filepath"
)

// identity is the same for all symbolic links to a file or folder.
func identity(path string, _ fs.FileInfo) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
