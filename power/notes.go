package power

import (
	"errors"
	"strings"
)

// errNoTemperature is that of a card which tells none.
var errNoTemperature = errors.New("tells no temperature")

// quantities are those of which there are limits.
type quantities uint8

const (
	ofTemps quantities = 1 << iota
	ofWatts
	ofMemory
)

// note is a sentence for a human about what cannot be read, and what to do.
type note struct {
	text string
	of   quantities
}

// Notes are sentences for a human about what cannot be read, and what to do.
func (m *Meter) Notes() []string { return m.notesOf(ofTemps | ofWatts | ofMemory) }

// NotesFor are those of the Notes that matter to limits.
func (m *Meter) NotesFor(limits Limits) []string {
	var of quantities
	if limits.MaxTempC > 0 {
		of |= ofTemps
	}
	if limits.MaxWatts > 0 {
		of |= ofWatts
	}
	if limits.MaxMemoryBytes > 0 {
		of |= ofMemory
	}
	return m.notesOf(of)
}

func (m *Meter) notesOf(of quantities) (texts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add := func(n note) {
		if n.of&of != 0 {
			texts = append(texts, n.text)
		}
	}
	for _, n := range m.notes {
		add(n)
	}
	if m.cards != nil && m.silent != nil {
		add(note{"graphics cards: " + m.silent.Error() + ": their watts and temperatures are unknown", ofTemps | ofWatts})
	}
	for _, s := range m.sensors {
		if s.answered && s.failed != nil && !s.aside {
			add(note{"the temperature sensor " + s.name + " does not answer any more: " + s.failed.Error(), ofTemps})
		}
	}
	return texts
}

// findGaps notes what is missing from the beginning.
func (m *Meter) findGaps(denied bool) {
	add := func(of quantities, text string) { m.notes = append(m.notes, note{text, of}) }
	t := m.tree
	if t.resident() == 0 {
		add(ofMemory, "the memory of this program cannot be read: a limit of it is not kept")
	}
	switch {
	case m.cards == nil && errors.Is(m.silent, errSilent):
		add(ofTemps|ofWatts, "graphics cards: "+m.silent.Error()+": what they take and how hot they are stays unknown; restart the computer")
	case m.cards == nil && m.silent != nil:
		add(ofTemps|ofWatts, "graphics cards: "+m.silent.Error()+": after an update of the driver, restart the computer")
	}
	if !t.exists("sys/class") {
		add(ofTemps|ofWatts, "this system tells neither watts nor temperatures: limits of them are not kept")
		return
	}
	m.findWattGaps(denied)
	if len(m.sensors) == 0 {
		text := "no temperature of a processor or graphics chip can be read: a limit of temperature is not kept"
		if cpu := t.name("proc/cpuinfo"); strings.Contains(cpu, "GenuineIntel") {
			text += ". On a computer that is not virtual: sudo modprobe coretemp"
		} else if strings.Contains(cpu, "AuthenticAMD") {
			text += ". On a computer that is not virtual: sudo modprobe k10temp"
		}
		add(ofTemps, text)
	}
}

func (m *Meter) findWattGaps(denied bool) {
	add := func(text string) { m.notes = append(m.notes, note{text, ofWatts}) }
	if denied {
		add("the energy of the processor can be read by root only: run as root, or allow it until the next " +
			"restart with: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj")
	}
	if missing := m.untold(); len(missing) > 0 {
		add("watts are unknown without those of " + strings.Join(missing, ", ") + ", which cannot be read: a limit of them is not kept")
	}
	switch {
	case len(m.parts) == 0:
		add("this computer does not tell how many watts it takes, as is usual in virtual machines and on small boards: " +
			"a limit of watts is not kept")
	case m.parts[0].of == "battery":
		add("watts are those of the battery: they are known only without the mains")
	}
}
