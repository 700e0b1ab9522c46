//go:build linux && cgo

package power

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A library with NVML's names is loaded in place of the driver's.
func TestNVML(t *testing.T) {
	library := buildNVML(t, "0")
	cards, err := openNVMLFrom(library)
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
	if cards, err := openNVMLFrom(buildNVML(t, "18")); cards != nil || err == nil || !strings.Contains(err.Error(), "version mismatch") {
		t.Errorf("a broken driver: %v, %v", cards, err)
	}
}

func buildNVML(t *testing.T, fails string) string {
	library := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-w", "-DFAILS="+fails, "-o", library, "testdata/nvml.c").CombinedOutput(); err != nil {
		t.Skipf("no C compiler: %v: %s", err, out)
	}
	return library
}
