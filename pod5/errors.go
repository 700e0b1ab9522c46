package pod5

import (
	"errors"
	"io/fs"

	"github.com/porevec/porevec/signal"
)

// Why a file cannot be read. They are found with errors.Is.
var (
	// ErrNotPOD5 says that a file is something else.
	ErrNotPOD5 = errors.New("not a POD5 file: it does not begin with the POD5 signature")
	// ErrUnfinished says that a POD5 file lacks its end.
	ErrUnfinished = errors.New("no POD5 signature at the end: the file is still being written, or its copy was interrupted; wait, copy it again, or save what it holds with 'porevec recover FILE'")
	// ErrUnsupported says that a file uses a feature that this version lacks.
	ErrUnsupported = errors.New("not supported by this version of porevec")
	// ErrCorrupt says that the content contradicts itself.
	ErrCorrupt = errors.New("the file is damaged")
)

// fail wraps an error met in a file. Failures of the file system below stay what
// they are; all others mean that the content cannot be used.
func fail(path, op string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return &signal.Error{Class: signal.Fatal, Op: op, File: path, Err: err}
	}
	return &signal.Error{Class: signal.Corrupt, Op: op, File: path, Err: err}
}

// failRead is fail for one read.
func failRead(path, op string, id signal.ReadID, err error) error {
	return &signal.Error{Class: signal.Corrupt, Op: op, File: path, ReadID: id.String(), Err: err}
}
