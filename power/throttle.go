package power

import (
	"strconv"
	"strings"
)

// tally is a counter of the kernel that grows when clocks are held down.
type tally struct {
	path, says string
	heat       bool

	known bool
	last  int64
}

// grew says whether it did since the call before.
func (c *tally) grew(t tree) bool {
	now, err := t.number(c.path)
	grew := err == nil && c.known && now > c.last
	if err == nil {
		c.known, c.last = true, now
	}
	return grew
}

// tallies lists the counters of x86 processors and the over-current events of Jetsons
// (soctherm_oc), with NVIDIA's meanings.
func (t tree) tallies() []*tally {
	var found []*tally
	for _, kind := range []string{"core", "package"} {
		for _, path := range t.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/" + kind + "_throttle_count") {
			found = append(found, &tally{path: path, says: "processor: " + kind + " too hot", heat: true})
		}
	}
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		if t.name(dir+"/name") != "soctherm_oc" {
			continue
		}
		for i, says := range []string{"under_voltage", "average_over_current", "instantaneous_over_current"} {
			if path := dir + "/oc" + strconv.Itoa(i+1) + "_event_cnt"; t.exists(path) {
				found = append(found, &tally{path: path, says: "board: " + says})
			}
		}
	}
	return found
}

// The bits of a Raspberry Pi's get_throttled that tell of now.
const (
	piUnderVoltage = 1 << iota
	piClockCapped
	piThrottled
	piSoftLimit // from 60 °C on, on some models
)

// firmware is the file in which a Raspberry Pi tells its bits; "": it is none.
func (t tree) firmware() string {
	if found := t.glob("sys/devices/platform/soc*/soc*:firmware/get_throttled"); len(found) > 0 {
		return found[0]
	}
	return ""
}

// piReasons reads the bits, in hexadecimal. Of throttling the reason is not told: it is
// heat when the voltage is not low.
func (t tree) piReasons(path string) (reasons []string, heat bool) {
	bits, err := strconv.ParseUint(strings.TrimPrefix(t.name(path), "0x"), 16, 32)
	if err != nil {
		return nil, false
	}
	for _, b := range []struct {
		bit  uint64
		says string
	}{{piUnderVoltage, "under_voltage"}, {piClockCapped, "clock_capped"}, {piThrottled, "throttled"}, {piSoftLimit, "soft_temperature_limit"}} {
		if bits&b.bit != 0 {
			reasons = append(reasons, "board: "+b.says)
		}
	}
	return reasons, bits&piSoftLimit != 0 || bits&(piThrottled|piUnderVoltage) == piThrottled
}
