package power

import "strconv"

// GPU is what a graphics card tells.
type GPU struct {
	Name             string   `json:"name"`
	Driver           string   `json:"driver,omitempty"`
	Watts            *float64 `json:"watts,omitempty"`
	TempC            *float64 `json:"temp_c,omitempty"`
	LimitC           *float64 `json:"limit_c,omitempty"` // where it slows down
	BusyPercent      *float64 `json:"busy_percent,omitempty"`
	MemoryUsedBytes  uint64   `json:"memory_used_bytes,omitempty"`
	MemoryTotalBytes uint64   `json:"memory_total_bytes,omitempty"`
	Throttled        []string `json:"throttled,omitempty"`

	heat        bool    // is among the reasons in Throttled
	millijoules *uint64 // since the driver was loaded
}

// cards is a driver of graphics cards. It lists all of them at each call, in the same
// order.
type cards interface{ read() []GPU }

// Reasons for which clocks are held down, with nvidia-smi's names. Being idle and clocks
// that someone chose are not among them.
var nvidiaReasons = []struct {
	bit  uint64
	name string
	heat bool
}{
	{0x4, "sw_power_cap", false},
	{0x8, "hw_slowdown", false}, // heat or power; one of the next says which
	{0x20, "sw_thermal_slowdown", true},
	{0x40, "hw_thermal_slowdown", true},
	{0x80, "hw_power_brake_slowdown", false},
	{0x200, "board_limit", false},
	{0x400, "reliability", false},
}

func reasonsOf(bits uint64) (names []string, heat bool) {
	for _, r := range nvidiaReasons {
		if bits&r.bit != 0 {
			names = append(names, r.name)
			heat = heat || r.heat
		}
	}
	return names, heat
}

// tegraLoad is the file in which a Jetson tells how busy its GPU is, in thousandths;
// "": it is none.
func (t tree) tegraLoad() string {
	for _, pattern := range []string{
		"sys/devices/gpu.0/load", "sys/devices/platform/gpu.0/load",
		"sys/devices/platform/[0-9]*.g*/load", "sys/devices/platform/bus@0/[0-9]*.g*/load",
	} {
		if found := t.glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// nvidiaParts has all cards of NVIDIA as one that is not told when their driver fails.
func (m *Meter) nvidiaParts() (parts []*part) {
	if m.cards == nil && m.silent != nil {
		return []*part{untold(graphics)}
	}
	for i, g := range m.gpus {
		p := cardPart(i, func() []GPU { return m.gpus })
		p.untold = g.millijoules == nil && g.Watts == nil
		parts = append(parts, p)
	}
	return parts
}

// cardPart is a graphics card's energy: its counter's difference, or power × time.
func cardPart(i int, state func() []GPU) *part {
	c := &counter{}
	return &part{of: graphics + " " + strconv.Itoa(i), joules: func(seconds float64) (float64, bool) {
		now := state()
		switch {
		case now[i].millijoules != nil:
			return c.joules(*now[i].millijoules*1000, nil, seconds)
		case now[i].Watts != nil:
			return *now[i].Watts * seconds, true
		}
		c.known = false
		return 0, false
	}}
}
