package power

// batteries lists those that feed the computer, not those of its mouse and keyboard.
func (t tree) batteries() []string {
	var found []string
	for _, dir := range t.glob("sys/class/power_supply/*") {
		if t.name(dir+"/type") == "Battery" && t.name(dir+"/scope") != "Device" {
			found = append(found, dir)
		}
	}
	return found
}

// charge is what all batteries have and give.
type charge struct {
	draining                  bool
	percent, watts, wattHours *float64
}

// charge adds batteries up. What not all of them tell is unknown; of percents it is
// the mean.
func (t tree) charge(batteries []string) charge {
	var all charge
	var percent, watts, hours float64
	percents, powers, energies := 0, 0, 0
	for _, dir := range batteries {
		if n, err := t.number(dir + "/capacity"); err == nil && n >= 0 {
			percent += float64(min(n, 100))
			percents++
		}
		if n, err := t.number(dir + "/energy_now"); err == nil && n >= 0 {
			hours += float64(n) / 1e6
			energies++
		}
		if t.name(dir+"/status") != "Discharging" {
			powers++ // gives none
			continue
		}
		all.draining = true
		if w, ok := t.batteryWatts(dir); ok {
			watts += w
			powers++
		}
	}
	n := len(batteries)
	if n > 0 && percents == n {
		all.percent = new(percent / float64(n))
	}
	if n > 0 && energies == n {
		all.wattHours = &hours
	}
	if all.draining && powers == n {
		all.watts = &watts
	}
	return all
}

// batteryWatts multiplies µV and µA where µW are not told. Some drivers count what
// flows out as negative.
func (t tree) batteryWatts(dir string) (float64, bool) {
	var w float64
	if n, err := t.number(dir + "/power_now"); err == nil {
		w = float64(n) / 1e6
	} else {
		uV, err := t.number(dir + "/voltage_now")
		if err != nil {
			return 0, false
		}
		uA, err := t.number(dir + "/current_now")
		if err != nil {
			return 0, false
		}
		w = float64(uV) * float64(uA) / 1e12
	}
	w = max(w, -w)
	return w, w <= mostWatts
}
