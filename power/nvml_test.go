//go:build linux && cgo

package power

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A library with NVML's names is loaded in place of the driver's.
func TestNVML(t *testing.T) {
	cards, err := openNVMLFrom(buildNVML(t))
	if err != nil || cards == nil {
		t.Fatal(cards, err)
	}
	want := []GPU{
		{Name: "NVIDIA RTX A2000", Driver: "550.54.15", Watts: new(70.5), TempC: new(71.), LimitC: new(95.), BusyPercent: new(88.), MemoryUsedBytes: 2000, MemoryTotalBytes: 6000,
			Throttled: []string{"sw_power_cap", "hw_thermal_slowdown"}, heat: true, millijoules: new(uint64(123456789012))},
		{Name: "NVIDIA T400", Driver: "550.54.15", Watts: new(70.5)},
	}
	if d := cmp.Diff(want, cards.read(), cmp.AllowUnexported(GPU{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Without a driver there is nothing to tell; one that does not fit the kernel's module,
// after an update, is told.
func TestNVMLIsAway(t *testing.T) {
	if cards, err := openNVMLFrom("libno-such-library.so.1"); cards != nil || err != nil {
		t.Errorf("no library: %v, %v", cards, err)
	}
	if cards, err := openNVMLFrom(buildNVML(t, "-DFAILS=18")); cards != nil || err == nil || !strings.Contains(err.Error(), "version mismatch") {
		t.Errorf("a broken driver: %v, %v", cards, err)
	}
}

// A driver hangs, in C, and comes back: cards are unknown meanwhile, and nobody waits
// for the same call twice.
func TestNVMLHangs(t *testing.T) {
	hang := filepath.Join(t.TempDir(), "hang")
	library := buildNVML(t, "-DHANG="+strconv.Quote(hang))
	m := newComputer(memoryFiles).openCards(func() (cards, error) { return openNVMLFrom(library) })
	if r := m.Read(); len(r.GPUs) != 2 || r.GPUs[0].Watts == nil {
		t.Fatalf("%+v, %q", r, m.Notes())
	}
	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.Read()
	begin := time.Now()
	if r := m.Read(); len(r.GPUs) != 2 || r.GPUs[0].Name != "NVIDIA RTX A2000" || r.GPUs[0].Watts != nil || time.Since(begin) > readPatience/2 {
		t.Errorf("%+v after %v", r, time.Since(begin))
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	var r Reading
	for r = m.Read(); r.GPUs[0].Watts == nil && time.Since(begin) < time.Minute; r = m.Read() {
		time.Sleep(time.Millisecond)
	}
	if r.GPUs[0].Watts == nil || len(r.TempsLost) != 0 {
		t.Errorf("back: %+v, %q", r, m.Notes())
	}
	m.Close()
	if _, more := <-m.cards.ended; more {
		t.Error("the goroutine has not ended")
	}
}

func buildNVML(t *testing.T, defines ...string) string {
	library := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	args := append([]string{"-shared", "-fPIC", "-w", "-o", library, "testdata/nvml.c"}, defines...)
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		t.Skipf("no C compiler: %v: %s", err, out)
	}
	return library
}
