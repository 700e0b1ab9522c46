package power

import "strconv"

// part is something whose power is told.
type part struct {
	of string
	// joules are those of the time since the call before, which lasted so long.
	joules func(seconds float64) (j float64, ok bool)
	untold bool // told nothing when the meter was opened
}

// untold is a part of which nothing is known but that it takes power.
func untold(of string) *part {
	return &part{of: of, untold: true, joules: func(float64) (float64, bool) { return 0, false }}
}

// steady is a part of which only the power is told: its energy is that × time.
func steady(of string, watts func() (float64, bool)) *part {
	return &part{of: of, joules: func(seconds float64) (float64, bool) {
		w, ok := watts()
		return w * seconds, ok
	}}
}

// inputs are the rails that feed a whole Jetson module, behind which its others lie.
var inputs = map[string]bool{"VDD_IN": true, "POM_5V_IN": true, "5V_IN": true, "VIN": true}

// inner are rails that lie behind another one, that of the memory of an AGX Orin behind
// VIN_SYS_5V0, and those that are not connected.
var inner = map[string]bool{"VDDQ_VDD2_1V8AO": true, "NC": true, "": true}

// board lists what measures all that a board takes: its input, or its rails when it
// has no sensor there. A server tells it by ACPI.
func (t tree) board() []*part {
	var rails []*part
	var whole *part
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		switch t.name(dir + "/name") {
		case "power_meter":
			if t.exists(dir + "/power1_average") {
				return []*part{t.microwatts("board", dir+"/power1_average")}
			}
		case "ina3221":
			for channel := range 3 {
				n := strconv.Itoa(channel + 1)
				label := t.name(dir + "/in" + n + "_label")
				switch {
				case !t.answers(dir + "/in" + n + "_input"):
				case inputs[label]:
					return []*part{t.rail(label, dir, n)}
				case !inner[label]:
					rails = append(rails, t.rail(label, dir, n))
				}
			}
		case "ina238":
			whole = t.microwatts("VIN", dir+"/power1_input")
		}
	}
	// An ina238 may measure anything; beside an ina3221 it is that of a Jetson Thor's input.
	if whole != nil && len(rails) > 0 {
		return []*part{whole}
	}
	return rails
}

// rail multiplies the mV and the mA of a channel.
func (t tree) rail(label, dir, channel string) *part {
	return steady(label, func() (float64, bool) {
		mV, err := t.number(dir + "/in" + channel + "_input")
		if err != nil {
			return 0, false
		}
		mA, err := t.number(dir + "/curr" + channel + "_input")
		w := float64(mV) * float64(mA) / 1e6
		return w, err == nil && mV >= 0 && mA >= 0 && w <= mostWatts
	})
}

func (t tree) microwatts(of, path string) *part {
	return steady(of, func() (float64, bool) {
		n, err := t.number(path)
		w := float64(n) / 1e6
		// A server of many cards takes more than one socket.
		return w, err == nil && w >= 0 && w <= 10*mostWatts
	})
}

// answers: a channel that is switched off fails with ENODATA.
func (t tree) answers(path string) bool {
	_, err := t.number(path)
	return err == nil
}

// radeons lists the graphics cards of AMD. The GPU inside of a processor, of which no
// power_cap can be set, is part of its package.
func (t tree) radeons() []*part {
	var cards []*part
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		if t.name(dir+"/name") != "amdgpu" || !t.exists(dir+"/power1_cap") {
			continue
		}
		file := dir + "/power1_average"
		if !t.answers(file) {
			file = dir + "/power1_input"
		}
		card := t.microwatts("amdgpu "+strconv.Itoa(len(cards)), file)
		card.untold = !t.answers(file)
		cards = append(cards, card)
	}
	return cards
}
