package power

import (
	"errors"
	"fmt"
	"strings"
)

// The parts of a computer that embedding heats.
const (
	processor = "processor"
	graphics  = "GPU"
	wholeChip = "chip" // a sensor for processor and GPU together
)

// chips are the hwmon drivers whose temperatures are the processor's. Others (nvme,
// amdgpu, iwlwifi, spd5118, nct6775, acpitz) measure what embedding does not heat, or
// are not believed. NVIDIA's cards are not in hwmon.
var chips = map[string]bool{"coretemp": true, "k10temp": true, "zenpower": true, "cpu_thermal": true, "soc_thermal": true}

// zones are the types of thermal zones that do. tj-thermal of a Jetson is the highest
// of all its zones.
var zones = map[string]string{
	"x86_pkg_temp": processor, "cpu-thermal": processor, "cpu_thermal": processor, "CPU-therm": processor,
	"soc-thermal": processor, "soc_thermal": processor, "TCPU": processor,
	"gpu-thermal": graphics, "gpu_thermal": graphics, "GPU-therm": graphics,
	"tj-thermal": wholeChip,
}

// Bounds of what is believed, in °C.
const (
	coldestC = -40 // below is a sensor that is broken or asleep: -274, -128
	hottestC = 150 // above too: 255, 65261.8
	// A limit below it is not one of the silicon: unused trip points say 0 or -274.
	lowestLimitC = 50
)

// errImplausible is a temperature that cannot be.
var errImplausible = errors.New("tells a temperature that cannot be")

// believe converts thousandths of a degree. Exactly 0 is what sleeping sensors say.
func believe(milli int64) (float64, error) {
	c := float64(milli) / 1000
	if milli == 0 || !(c > coldestC && c < hottestC) {
		return 0, fmt.Errorf("%w: %g °C", errImplausible, c)
	}
	return c, nil
}

// sensor is one temperature.
type sensor struct {
	name, part, path string
	limitC           *float64
	// aside: it is shown, but another one, for the whole chip, says which is the hottest.
	aside bool

	answered bool  // at least once
	failed   error // the last time
}

func (s *sensor) read(t tree) (float64, error) {
	milli, err := t.number(s.path)
	if err != nil {
		return 0, err
	}
	return believe(milli)
}

// sensors lists the temperatures of processors and of a Jetson's GPU. Thermal zones of
// a processor that a hwmon driver measures are the same sensors again.
func (t tree) sensors() []*sensor {
	var found []*sensor
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		name := t.name(dir + "/name")
		if chips[name] {
			found = append(found, t.hwmonSensors(dir, name)...)
		}
	}
	measured, tj := len(found) > 0, false
	for _, dir := range t.glob("sys/class/thermal/thermal_zone*") {
		kind := t.name(dir + "/type")
		if part := zones[kind]; part != "" && !(measured && part == processor) {
			found = append(found, &sensor{name: kind, part: part, path: dir + "/temp", limitC: t.tripC(dir)})
			tj = tj || part == wholeChip
		}
	}
	for _, s := range found {
		s.aside = tj && s.part != wholeChip
	}
	return found
}

// hwmonSensors lists those of one chip: of a processor with a sensor for each core the
// one for the whole package, and not the control value of old AMD processors (Tctl, up
// to 27 °C too high) where there is the true one (Tdie).
func (t tree) hwmonSensors(dir, chip string) []*sensor {
	var all, packages []*sensor
	labels := make(map[string]bool)
	for _, path := range t.glob(dir + "/temp*_input") {
		base := strings.TrimSuffix(path, "_input")
		label := t.name(base + "_label")
		s := &sensor{name: strings.TrimSpace(chip + " " + label), part: processor, path: path}
		for _, kind := range []string{"_crit", "_max"} {
			if s.limitC == nil {
				s.limitC = t.limitC(base + kind)
			}
		}
		labels[label] = true
		if strings.HasPrefix(label, "Package id ") {
			packages = append(packages, s)
		}
		all = append(all, s)
	}
	if len(packages) > 0 {
		return packages
	}
	if labels["Tdie"] {
		for i, s := range all {
			if s.name == chip+" Tctl" {
				return append(all[:i], all[i+1:]...)
			}
		}
	}
	return all
}

// limitC reads a temperature that is a limit; nil: there is none.
func (t tree) limitC(path string) *float64 {
	milli, err := t.number(path)
	if err != nil {
		return nil
	}
	if c, err := believe(milli); err == nil && c >= lowestLimitC {
		return &c
	}
	return nil
}

// mostTrips is how many trip points a zone can have in the kernel.
const mostTrips = 12

// tripC is the lowest trip point at which the kernel slows down or switches off. Those
// for fans (active) do neither.
func (t tree) tripC(zone string) *float64 {
	var lowest *float64
	for i := range mostTrips {
		trip := fmt.Sprintf("%s/trip_point_%d_", zone, i)
		switch t.name(trip + "type") {
		case "passive", "hot", "critical":
			if c := t.limitC(trip + "temp"); c != nil && (lowest == nil || *c < *lowest) {
				lowest = c
			}
		}
	}
	return lowest
}

// hotter is the higher one of two temperatures, of which the first may be unknown.
func hotter(a *float64, b float64) *float64 {
	if a == nil || *a < b {
		return &b
	}
	return a
}
