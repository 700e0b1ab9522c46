package power

import (
	"errors"
	"strings"
)

// errNoTemperature is that of a card which tells none.
var errNoTemperature = errors.New("tells no temperature")

// Notes are sentences for a human about what cannot be read, and what to do.
func (m *Meter) Notes() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	notes := append([]string(nil), m.notes...)
	for _, s := range m.sensors {
		if s.answered && s.failed != nil && !s.aside {
			notes = append(notes, "the temperature sensor "+s.name+" does not answer any more: "+s.failed.Error())
		}
	}
	return notes
}

// findGaps notes what is missing from the beginning.
func (m *Meter) findGaps(denied bool) {
	t := m.tree
	if !t.exists("sys/class") {
		m.notes = append(m.notes, "this system tells neither watts nor temperatures: limits of them are not kept")
		return
	}
	if denied {
		m.notes = append(m.notes, "the energy of the processor can be read by root only: run as root, or allow it until the next "+
			"restart with: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj")
	}
	switch {
	case len(m.parts) == 0 && !denied:
		m.notes = append(m.notes, "this computer does not tell how many watts it takes, as is usual in virtual machines and on small boards: "+
			"a limit of watts is not kept")
	case len(m.parts) > 0 && m.parts[0].of == "battery":
		m.notes = append(m.notes, "watts are those of the battery: they are known only without the mains")
	}
	if len(m.sensors) == 0 {
		note := "no temperature of a processor or graphics chip can be read: a limit of temperature is not kept"
		if cpu := t.name("proc/cpuinfo"); strings.Contains(cpu, "GenuineIntel") {
			note += ". On a computer that is not virtual: sudo modprobe coretemp"
		} else if strings.Contains(cpu, "AuthenticAMD") {
			note += ". On a computer that is not virtual: sudo modprobe k10temp"
		}
		m.notes = append(m.notes, note)
	}
}
