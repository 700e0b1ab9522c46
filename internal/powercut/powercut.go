//go:build powercut

// Package powercut cuts the power of a process in a test: its files lie on a file system
// of their own, and what the block device of that holds at a random moment is mounted
// again. It needs root, and mkfs.ext4.
package powercut

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Disk is a file system in an image.
type Disk struct {
	Dir     string // where it is mounted
	image   string
	unmount func()
}

// NewDisk makes an empty one of 96 MB.
func NewDisk(t *testing.T) *Disk {
	t.Helper()
	d := &Disk{image: filepath.Join(t.TempDir(), "disk.img")}
	command(t, "truncate", "-s", "96M", d.image)
	command(t, "mkfs.ext4", "-q", d.image)
	d.mount(t)
	return d
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (d *Disk) mount(t *testing.T) {
	t.Helper()
	d.Dir = t.TempDir()
	command(t, "mount", "-o", "loop", d.image, d.Dir)
	mounted := true
	d.unmount = func() {
		if mounted {
			mounted = false
			command(t, "umount", d.Dir)
		}
	}
	t.Cleanup(d.unmount)
}

// Cut stops the process that writes to the disk, ends it, and gives the disk as a power
// cut would have left it at that moment. wait waits for the end of the process.
func (d *Disk) Cut(t *testing.T, writer *os.Process, wait func()) *Disk {
	t.Helper()
	if err := writer.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	after := &Disk{image: filepath.Join(t.TempDir(), "copy.img")}
	copyDevice(t, d.image, after.image)
	_ = writer.Kill()
	wait()
	d.unmount()
	after.mount(t)
	return after
}

// Close unmounts the disk.
func (d *Disk) Close() { d.unmount() }

// copyDevice copies what is on the device, not what is on its way there. The kernel may
// write meanwhile: two copies that agree are of one moment.
func copyDevice(t *testing.T, image, to string) {
	t.Helper()
	var before []byte
	for range 50 {
		now, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(before, now) {
			if err := os.WriteFile(to, now, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		before = now
	}
	t.Fatal("the device does not come to rest")
}
