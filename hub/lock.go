package hub

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/porevec/porevec/internal/broker"
)

// patience is for another process that changes the folder just now, which takes it some
// milliseconds.
const patience = 10 * time.Second

// lock lets one process at a time change the folder of a hub: who reads the members and
// writes them with one more must not be overtaken. Closing the file unlocks.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "hub.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := broker.LockFile(file)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, broker.ErrLocked) || time.Since(begin) > patience {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
		}
	}
}
