package fast5

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/porevec/porevec/fast5/internal/hdf5"
	"github.com/porevec/porevec/fast5/internal/vbzfilter"
	"github.com/porevec/porevec/signal"
)

// Why a file or a read cannot be used. They are found with errors.Is.
var (
	// ErrNotFAST5 says that a file is something else.
	ErrNotFAST5 = errors.New("not a FAST5 file")
	// ErrUnsupported says that a file uses a feature that this version lacks.
	ErrUnsupported = errors.New("not supported by this version of porevec")
	// ErrCorrupt says that the content contradicts itself.
	ErrCorrupt = errors.New("the file is damaged")
	// ErrNoSignal says that a read was stored without its raw signal.
	ErrNoSignal = errors.New("no raw signal")
)

// sorted puts errors of the layers below under ours.
func sorted(err error) error {
	switch {
	case errors.Is(err, hdf5.ErrNotHDF5):
		return fmt.Errorf("%w: %w", ErrNotFAST5, err)
	case errors.Is(err, hdf5.ErrUnsupported), errors.Is(err, vbzfilter.ErrUnsupported):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, hdf5.ErrCorrupt), errors.Is(err, vbzfilter.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	default:
		return err
	}
}

// fail wraps an error met in a file. Failures of the file system stay what they
// are; all others mean that the content cannot be used.
func fail(path, op string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return &signal.Error{Class: signal.Fatal, Op: op, File: path, Err: err}
	}
	return &signal.Error{Class: signal.Corrupt, Op: op, File: path, Err: sorted(err)}
}

// failRead is fail for one read, named by its id or its group.
func failRead(path, op, read string, err error) error {
	return &signal.Error{Class: signal.Corrupt, Op: op, File: path, ReadID: read, Err: sorted(err)}
}
