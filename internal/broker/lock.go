package broker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LockedError says that another process has the store open.
type LockedError struct {
	Store string
	PID   int    // 0 when the other did not say yet
	URL   string // where it listens; "" when it does not
}

// Error says what to do.
func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	if e.URL != "" {
		return fmt.Sprintf("store %s is in use by %s: connect to it with --nats %s, or wait until it ends", e.Store, who, e.URL)
	}
	return fmt.Sprintf("store %s is in use by %s, which does not listen: wait until it ends, or start it with --listen 127.0.0.1:4222 "+
		"and connect with --nats nats://127.0.0.1:4222", e.Store, who)
}

// lock is held on a store while a server has it open; two servers would destroy
// it. The system lets go of it when a process dies. The file stays.
type lock struct{ file *os.File }

func lockStore(store string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(store, "porevec.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	if err := LockFile(file); err != nil {
		defer file.Close()
		if !errors.Is(err, ErrLocked) {
			return nil, fmt.Errorf("lock store %s: %w", store, err)
		}
		text, _ := io.ReadAll(io.LimitReader(file, 1024))
		pid, url, _ := strings.Cut(string(text), "\n")
		locked := &LockedError{Store: store, URL: strings.TrimSpace(url)}
		locked.PID, _ = strconv.Atoi(pid)
		return nil, locked
	}
	l := &lock{file}
	if err := l.announce(""); err != nil {
		l.release()
		return nil, fmt.Errorf("lock store: %w", err)
	}
	return l, nil
}

// announce tells others who holds the store and where they can connect.
func (l *lock) announce(url string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(fmt.Sprintf("%d\n%s\n", os.Getpid(), url)), 0)
	return err
}

func (l *lock) release() { _ = l.file.Close() } // closing unlocks
