//go:build powercut

package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/internal/powercut"
)

// The power of the real program is cut in the middle of a run. What it had called
// acknowledged is there, and the same command makes the rest.
func TestPowerCutOfProgram(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	want := vectors(t, runProgram(t, "embed", dir, "-o", "-", "--dtype", "float32").want(t, 0).stdout)
	for _, mode := range []string{"always", "group"} {
		t.Run(mode, func(t *testing.T) {
			for range 4 {
				disk := powercut.NewDisk(t)
				address := freeAddress(t)
				args := []string{
					"embed", dir, "--store", filepath.Join(disk.Dir, "store"), "--durability", mode, "--batch", "4", "--message-size", "4KB", "--dtype", "float32",
				}
				cmd := program(t, append(args, "--listen", address, "--speed", "5x")...)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waitForBroker(t, "nats://"+address)
				acknowledged := followStat(t, address, time.Duration(1000+rand.IntN(2000))*time.Millisecond)
				after := disk.Cut(t, cmd.Process, func() { _ = cmd.Wait() })
				args[3] = filepath.Join(after.Dir, "store")
				r := runProgram(t, append(args, "--json")...).want(t, 0).result(t)
				if r.ChunksStored < acknowledged || r.ChunksStored == r.Chunks {
					t.Errorf("%d chunks were called acknowledged, %d of %d are there", acknowledged, r.ChunksStored, r.Chunks)
				}
				got := vectors(t, runProgram(t, "subscribe", "--store", args[3], "--json").want(t, 0).stdout)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("other rows than of an undisturbed run (-want +got):\n%s", d)
				}
				t.Logf("%d chunks acknowledged, %d recovered, %d in the end", acknowledged, r.ChunksStored, len(got))
				after.Close()
			}
		})
	}
}

// followStat listens for so long, and gives how many chunks the program called
// acknowledged.
func followStat(t *testing.T, address string, length time.Duration) (acknowledged uint64) {
	t.Helper()
	_, stats := listenToStat(t, address)
	for end := time.Now().Add(length); ; {
		msg, err := stats.NextMsg(max(time.Until(end), time.Millisecond))
		if err != nil {
			return acknowledged
		}
		var s status
		if err := json.Unmarshal(msg.Data, &s); err != nil {
			t.Fatal(err)
		}
		acknowledged = s.Acknowledged
	}
}

// A file whose run lost its power is gone on with, and becomes what it would have been.
func TestPowerCutOfFile(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	undisturbed := filepath.Join(t.TempDir(), "x.npy")
	runProgram(t, "embed", dir, "-o", undisturbed).want(t, 0)
	resumed := uint64(0)
	for range 4 {
		disk := powercut.NewDisk(t)
		cmd := program(t, "embed", dir, "-o", filepath.Join(disk.Dir, "x.npy"), "--batch", "4", "--speed", "5x")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(3000+rand.IntN(2000)) * time.Millisecond)
		after := disk.Cut(t, cmd.Process, func() { _ = cmd.Wait() })
		path := filepath.Join(after.Dir, "x.npy")
		resumed += runProgram(t, "embed", dir, "-o", path, "--json").want(t, 0).result(t).ChunksStored
		compareFiles(t, undisturbed, path)
		after.Close()
	}
	if resumed == 0 {
		t.Error("nothing was ever recovered")
	}
	t.Logf("%d chunks recovered in all", resumed)
}
