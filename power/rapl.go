package power

import (
	"errors"
	"io/fs"
	"strings"
)

// mostWatts is more than a socket or its memory can take. A counter that went back for
// another reason than its wrap (a driver loaded anew) seems to.
const mostWatts = 2000

// counter is an energy counter of the kernel in µJ, which begins again at a range. The
// range of a processor is at least 65 kJ, minutes at full power.
type counter struct {
	path  string
	wraps uint64 // 0: at 2⁶⁴

	known bool
	last  uint64
}

// joules are those since the call before; it is not ok when there was none that
// answered, and when the number cannot be.
func (c *counter) joules(now uint64, err error, seconds float64) (float64, bool) {
	known, last := c.known, c.last
	c.known, c.last = err == nil, now
	if err != nil || !known {
		return 0, false
	}
	used := now - last
	if now < last {
		used += c.wraps
	}
	j := float64(used) / 1e6
	return j, j <= mostWatts*max(seconds, 1)
}

// rapl lists the counters of packages and of memory, which is not inside of the
// packages. Cores and uncore are inside. So are all of them in psys, what some firmware
// thinks that the whole platform takes; on others it stays 0. intel-rapl-mmio is the
// same package again. A counter that cannot be read is among them, as its part of the sum
// is missing: by default the kernel lets only root read, which is denied.
func (t tree) rapl() (parts []*part, denied bool) {
	for _, zone := range t.glob("sys/class/powercap/intel-rapl:*") {
		name := t.name(zone + "/name")
		if !strings.HasPrefix(name, "package-") && name != "dram" {
			continue
		}
		path := zone + "/energy_uj"
		_, err := t.number(path)
		denied = denied || errors.Is(err, fs.ErrPermission)
		if name == "dram" { // intel-rapl:1:0 is in intel-rapl:1
			parent, _, _ := strings.Cut(strings.TrimPrefix(zone, "sys/class/powercap/intel-rapl:"), ":")
			name += "-" + parent
		}
		c := &counter{path: path}
		if wraps, err := t.number(zone + "/max_energy_range_uj"); err == nil {
			c.wraps = uint64(max(wraps, 0))
		}
		parts = append(parts, &part{of: name, untold: err != nil, joules: func(seconds float64) (float64, bool) {
			now, err := t.number(c.path)
			return c.joules(uint64(now), err, seconds)
		}})
	}
	return parts, denied
}
