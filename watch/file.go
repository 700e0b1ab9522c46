package watch

import (
	"io/fs"
	"os"
	"path/filepath"
)

// File is one state of a file: written to or replaced, it is another one.
type File struct {
	// Path is where to open it.
	Path string `json:"-"`
	// Name is the path below the watched folder, with slashes.
	Name      string `json:"name"`
	Size      int64  `json:"size"`     // bytes
	ModTimeNS int64  `json:"mtime_ns"` // since 1970
	// ID is its place on the disk, the same under any name.
	ID string `json:"id"`
}

// newFile describes what info was got of.
func newFile(dir, name string, info fs.FileInfo) File {
	path := filepath.Join(dir, filepath.FromSlash(name))
	return File{
		Path:      path,
		Name:      name,
		Size:      info.Size(),
		ModTimeNS: info.ModTime().UnixNano(),
		ID:        identity(path, info),
	}
}

// unchanged says whether f is still there as it was.
func (f File) unchanged() bool {
	info, err := os.Stat(f.Path)
	return err == nil && info.Size() == f.Size && info.ModTime().UnixNano() == f.ModTimeNS
}

// unlike says whether other, of the same name, has changed. ID does not count:
// there are file systems that give a file another one at every look.
func (f File) unlike(other File) bool {
	return f.Size != other.Size || f.ModTimeNS != other.ModTimeNS
}

// is says whether later is the same file, looked at later.
func (f File) is(later File) bool {
	if f.Size != later.Size || f.Name != later.Name && f.ID != later.ID {
		return false
	}
	// Writing makes the time later. What made it earlier was a program that had
	// copied the file and gave it the time of the original.
	setBack := f.Name == later.Name && f.ID == later.ID && later.ModTimeNS < f.ModTimeNS
	return f.ModTimeNS == later.ModTimeNS || setBack
}
