//go:build linux

package jetstream

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porevec/porevec/internal/broker"
)

// onSmallDisk runs a test once more in a process that has a file system of its own, of
// so many megabytes, and says in which of the two it is and where that is.
func onSmallDisk(t *testing.T, megabytes string) (dir string, inside bool) {
	const marker = "POREVEC_TEST_SMALL_DISK"
	if dir := os.Getenv(marker); dir != "" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+megabytes+"m"); err != nil {
			t.Fatal(err)
		}
		return dir, true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), marker+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		t.Fatalf("%s", out)
	case err != nil:
		t.Skipf("this system does not let a test mount a file system: %v", err)
	}
	t.Logf("%s", out)
	return "", false
}

// fillDisk puts rows while a file of another program takes up space, waits until the
// sink can store nothing, and takes the file away.
func fillDisk(t *testing.T, cfg Config, ballast int) {
	store, inside := onSmallDisk(t, "64")
	if !inside {
		return
	}
	cfg.Store = filepath.Join(store, "store")
	s := open(t, cfg)
	first := s.link.server.Sick()
	other := filepath.Join(store, "ballast")
	if err := os.WriteFile(other, make([]byte, ballast), 0o600); err != nil {
		t.Fatal(err)
	}
	recipe := *testRecipe
	recipe.Dim = 1024
	chunks := reads(testRun("run"), "a.pod5", 0, 7000, 1) // 28 MB
	var freed atomic.Bool
	go func() {
		for s.State().Waiting == "" {
			time.Sleep(time.Millisecond)
		}
		t.Log("waiting because ", s.State().Waiting)
		_, free, _ := broker.DiskSpace(store)
		t.Logf("%d of 7000 rows stored, %d kB free", s.Stats().Rows, free>>10)
		freed.Store(true)
		if err := os.Remove(other); err != nil {
			t.Error(err)
		}
	}()
	var fate settled
	put(t, s, &recipe, chunks, 50, fate.done)
	fate.check(t, len(chunks)/50, 0)
	if !freed.Load() {
		t.Error("the disk was never full")
	}
	if restarted := s.link.server.Sick() != first; restarted != (cfg.MinFree == 1) {
		t.Errorf("the server was started again: %v", restarted)
	}
	s.Close()
	checkStored(t, all(t, SubscribeConfig{Store: cfg.Store}), chunks)
}

// The floor keeps the server from ever seeing a full disk.
func TestDiskAlmostFull(t *testing.T) { fillDisk(t, Config{}, 36<<20) }

// Somebody else takes the last byte: the server's writes fail, and it is started again.
func TestDiskFull(t *testing.T) { fillDisk(t, Config{MinFree: 1}, 40<<20) }

func TestDiskFullGroup(t *testing.T) { fillDisk(t, Config{MinFree: 1, Durability: Group}, 40<<20) }
