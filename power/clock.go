package power

import "path"

// core is where a core tells its clock, and the highest it can have in kHz.
type core struct {
	path string
	most float64
}

// mostCores bounds how many cores are asked once a second: of more, some evenly spread.
const mostCores = 32

func (t tree) cores() []core {
	found := t.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
	var cores []core
	for i := 0; i < len(found); i += max(1, (len(found)+mostCores-1)/mostCores) {
		if most, err := t.number(path.Dir(found[i]) + "/cpuinfo_max_freq"); err == nil && most > 0 {
			cores = append(cores, core{found[i], float64(most)})
		}
	}
	return cores
}

// clockShare is the mean over the cores that answer.
func (t tree) clockShare(cores []core) *float64 {
	var sum, n float64
	for _, c := range cores {
		if now, err := t.number(c.path); err == nil && now > 0 {
			sum += min(float64(now)/c.most, 1)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return new(sum / n)
}
