//go:build !linux

package jetstream

import (
	"errors"
	"os"
)

const canSyncFileSystem = false

func syncFileSystem(*os.File) error { return errors.ErrUnsupported }
