package replay

import (
	"errors"

	"github.com/porevec/porevec/pod5"
)

// Complete says whether the file at path has been written to its end. known is
// false when that cannot be told from the file: FAST5 has no mark at its end. An
// error means that it will never be complete, or cannot be read.
func Complete(path string) (complete, known bool, err error) {
	if begins(path, hdf5Signature) {
		return false, false, nil
	}
	file, err := pod5.Open(path)
	switch {
	case errors.Is(err, pod5.ErrUnfinished):
		return false, true, nil
	case err != nil:
		return false, true, err
	}
	return true, true, file.Close()
}
