package power

import "time"

// Reading is what a computer tells at one moment. What it does not tell is nil, or 0
// of bytes.
type Reading struct {
	At time.Time `json:"time"`

	// Watts are the sum of WattsOf, the mean since the reading before; nil as soon as one
	// part is unknown.
	Watts   *float64 `json:"watts,omitempty"`
	WattsOf []Draw   `json:"watts_of,omitempty"`
	// Joules were used since the meter was opened, in the times for which Watts are known.
	Joules float64 `json:"joules"`

	CPUTempC *float64 `json:"cpu_temp_c,omitempty"`
	GPUTempC *float64 `json:"gpu_temp_c,omitempty"`
	// Hottest is the sensor that says most.
	Hottest *Temperature `json:"hottest,omitempty"`
	// TempsLost names sensors that answered before and do not now: the hottest one may be
	// among them.
	TempsLost []string `json:"temps_lost,omitempty"`

	// Throttled says who holds clocks down, and why, since the reading before: "GPU 0:
	// sw_power_cap", "processor: package too hot".
	Throttled []string `json:"throttled,omitempty"`
	// ThrottledByHeat: heat is among the reasons.
	ThrottledByHeat bool `json:"throttled_by_heat,omitempty"`
	// ClockShare is the mean of the cores' clocks, as a share of the highest each can
	// have. Idle cores are slow too: alone it does not tell of throttling.
	ClockShare *float64 `json:"clock_share,omitempty"`

	GPUs []GPU `json:"gpus,omitempty"`

	// ResidentBytes is the memory of this process, files that it has mapped included.
	ResidentBytes uint64 `json:"resident_bytes,omitempty"`
	// MemoryAvailableBytes could still be had: of the computer, or of the cgroup where that
	// has less left.
	MemoryAvailableBytes uint64 `json:"memory_available_bytes,omitempty"`

	OnBattery        bool     `json:"on_battery,omitempty"`
	BatteryPercent   *float64 `json:"battery_percent,omitempty"`
	BatteryWattHours *float64 `json:"battery_watt_hours,omitempty"` // left
	BatteryWatts     *float64 `json:"battery_watts,omitempty"`      // drawn from it
}

// Draw is what one part of the computer takes.
type Draw struct {
	Of    string   `json:"of"` // "package-0", "VDD_IN", "GPU 0"
	Watts *float64 `json:"watts,omitempty"`
}

// Temperature is what a sensor says.
type Temperature struct {
	Sensor string  `json:"sensor"` // "coretemp Package id 0"
	Part   string  `json:"part"`   // "processor", "GPU", "chip" (both in one)
	TempC  float64 `json:"temp_c"`
	// LimitC is where the hardware slows down, or, where only that is told, switches off.
	LimitC *float64 `json:"limit_c,omitempty"`
}
