package power

import (
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"testing/fstest"
)

// computer is the part of a root file system that tells of a computer. Files can be
// changed, and made to fail, between two readings.
type computer struct {
	files map[string]string
	fails map[string]error
}

func (c computer) Open(name string) (fs.File, error) {
	all := make(fstest.MapFS, len(c.files))
	for path, text := range c.files {
		all[path] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	f, err := all.Open(name)
	if failure := c.fails[name]; err == nil && failure != nil {
		if failure == fs.ErrPermission {
			f.Close()
			return nil, &fs.PathError{Op: "open", Path: name, Err: failure}
		}
		return failing{f, failure}, nil
	}
	return f, err
}

// failing is a file of which the kernel tells only at reading that it cannot be had.
type failing struct {
	fs.File
	err error
}

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (c computer) set(files map[string]string) { maps.Copy(c.files, files) }

func newComputer(groups ...map[string]string) computer {
	c := computer{make(map[string]string), make(map[string]error)}
	for _, g := range groups {
		c.set(g)
	}
	return c
}

// open makes a meter, which is to be closed where there are cards.
func (c computer) open(driver cards) *Meter {
	return c.openCards(func() (cards, error) { return driver, nil })
}

func (c computer) openCards(driver func() (cards, error)) *Meter {
	return open(c, slog.New(slog.DiscardHandler), driver)
}

// under puts a folder before each path.
func under(dir string, files map[string]string) map[string]string {
	placed := make(map[string]string, len(files))
	for name, text := range files {
		placed[dir+"/"+name] = text
	}
	return placed
}

// The trees below are written by hand: files that such computers have, in the formats of
// the kernel's documentation. None was recorded on one.

var memoryFiles = map[string]string{
	"proc/self/status": "Name:\tporevec\nVmPeak:\t  912344 kB\nVmHWM:\t  501000 kB\nVmRSS:\t  500000 kB\nThreads:\t17",
	"proc/meminfo":     "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB",
}

// intelLaptop has two cores, a disk that is hotter than its processor, a zone of the
// firmware with nonsense, psys, and a mouse with a battery.
func intelLaptop() computer {
	return newComputer(memoryFiles,
		map[string]string{"proc/cpuinfo": "vendor_id\t: GenuineIntel"},
		under("sys/class/powercap/intel-rapl:0", map[string]string{"name": "package-0", "energy_uj": "262143000000", "max_energy_range_uj": "262143328850"}),
		under("sys/class/powercap/intel-rapl:0:0", map[string]string{"name": "core", "energy_uj": "1000000", "max_energy_range_uj": "262143328850"}),
		under("sys/class/powercap/intel-rapl:0:1", map[string]string{"name": "dram", "energy_uj": "5000000", "max_energy_range_uj": "65712999613"}),
		under("sys/class/powercap/intel-rapl:1", map[string]string{"name": "psys", "energy_uj": "9000000", "max_energy_range_uj": "262143328850"}),
		under("sys/class/powercap/intel-rapl-mmio:0", map[string]string{"name": "package-0", "energy_uj": "262143000000", "max_energy_range_uj": "262143328850"}),
		under("sys/class/hwmon/hwmon0", map[string]string{"name": "acpitz", "temp1_input": "27800"}),
		under("sys/class/hwmon/hwmon1", map[string]string{"name": "nvme", "temp1_input": "83850", "temp1_label": "Composite", "temp1_crit": "84850"}),
		under("sys/class/hwmon/hwmon5", map[string]string{
			"name": "coretemp", "temp1_input": "61000", "temp1_label": "Package id 0", "temp1_max": "95000", "temp1_crit": "100000",
			"temp2_input": "63000", "temp2_label": "Core 0", "temp2_crit": "100000",
		}),
		under("sys/class/thermal/thermal_zone0", map[string]string{"type": "acpitz", "temp": "-274000"}),
		under("sys/class/thermal/thermal_zone1", map[string]string{"type": "x86_pkg_temp", "temp": "61000", "trip_point_0_type": "passive", "trip_point_0_temp": "0"}),
		under("sys/devices/system/cpu/cpu0", map[string]string{
			"cpufreq/scaling_cur_freq": "2000000", "cpufreq/cpuinfo_max_freq": "4000000",
			"thermal_throttle/core_throttle_count": "7", "thermal_throttle/package_throttle_count": "9",
		}),
		under("sys/devices/system/cpu/cpu1", map[string]string{
			"cpufreq/scaling_cur_freq": "3000000", "cpufreq/cpuinfo_max_freq": "4000000",
			"thermal_throttle/core_throttle_count": "0", "thermal_throttle/package_throttle_count": "9",
		}),
		under("sys/class/power_supply/AC", map[string]string{"type": "Mains", "online": "0"}),
		under("sys/class/power_supply/BAT0", map[string]string{
			"type": "Battery", "status": "Discharging", "capacity": "56", "power_now": "18500000", "energy_now": "28000000",
		}),
		under("sys/class/power_supply/hidpp_battery_0", map[string]string{"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "10"}),
	)
}

// amdDesktop lets only root read its energy.
func amdDesktop() computer {
	return rootOnly(newComputer(memoryFiles,
		map[string]string{"proc/cpuinfo": "vendor_id\t: AuthenticAMD"},
		under("sys/class/powercap/intel-rapl:0", map[string]string{"name": "package-0", "energy_uj": "0", "max_energy_range_uj": "65532610987"}),
		under("sys/class/hwmon/hwmon2", map[string]string{
			"name": "k10temp", "temp1_input": "98250", "temp1_label": "Tctl", "temp2_input": "71250", "temp2_label": "Tdie",
			"temp3_input": "69000", "temp3_label": "Tccd1",
		}),
		under("sys/class/hwmon/hwmon3", map[string]string{"name": "amdgpu", "temp1_input": "44000", "power1_average": "12000000", "power1_cap": "186000000"}),
	))
}

// rootOnly lets only root read the energy of its processor, as the kernel does by default.
func rootOnly(c computer) computer {
	c.fails["sys/class/powercap/intel-rapl:0/energy_uj"] = fs.ErrPermission
	return c
}

// server tells the energy of one processor, and nothing else.
func server() computer {
	return newComputer(memoryFiles,
		under("sys/class/powercap/intel-rapl:0", map[string]string{"name": "package-0", "energy_uj": "1000000", "max_energy_range_uj": "65532610987"}))
}

// jetsonOrin is an Orin Nano, whose CV zones are switched off.
func jetsonOrin() computer {
	c := newComputer(memoryFiles,
		under("sys/class/hwmon/hwmon1", map[string]string{
			"name": "ina3221", "in1_label": "VDD_IN", "in1_input": "5000", "curr1_input": "2400",
			"in2_label": "VDD_CPU_GPU_CV", "in2_input": "5000", "curr2_input": "1200",
			"in3_label": "VDD_SOC", "in3_input": "5000", "curr3_input": "500", "in7_label": "sum of shunt voltages", "in7_input": "20",
		}),
		under("sys/class/hwmon/hwmon3", map[string]string{
			"name": "soctherm_oc", "oc1_event_cnt": "0", "oc2_event_cnt": "15", "oc3_event_cnt": "37", "oc3_throt_en": "1",
		}),
		under("sys/class/thermal/thermal_zone0", map[string]string{"type": "cpu-thermal", "temp": "63625", "trip_point_0_type": "critical", "trip_point_0_temp": "104500"}),
		under("sys/class/thermal/thermal_zone1", map[string]string{"type": "gpu-thermal", "temp": "62000"}),
		under("sys/class/thermal/thermal_zone2", map[string]string{"type": "cv0-thermal", "temp": ""}),
		under("sys/class/thermal/thermal_zone8", map[string]string{
			"type": "tj-thermal", "temp": "63781",
			"trip_point_0_type": "active", "trip_point_0_temp": "51000", "trip_point_1_type": "critical", "trip_point_1_temp": "104500",
			"trip_point_2_type": "passive", "trip_point_2_temp": "99000",
		}),
		map[string]string{
			"sys/devices/platform/bus@0/17000000.gpu/load":           "873",
			"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq":   "1510400",
			"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq":   "1510400",
			"sys/devices/platform/bus@0/13e00000.host1x/uevent":      "DRIVER=tegra-host1x",
			"sys/devices/platform/bus@0/31c0000.serial/power/status": "unsupported",
		},
	)
	c.fails["sys/class/thermal/thermal_zone2/temp"] = errAgain
	return c
}

func raspberryPi() computer {
	return newComputer(memoryFiles,
		under("sys/class/hwmon/hwmon0", map[string]string{"name": "cpu_thermal", "temp1_input": "81250", "temp1_crit": "110000"}),
		under("sys/class/hwmon/hwmon1", map[string]string{"name": "rp1_adc", "temp1_input": "45000"}),
		under("sys/class/thermal/thermal_zone0", map[string]string{"type": "cpu-thermal", "temp": "81250", "trip_point_0_type": "critical", "trip_point_0_temp": "110000"}),
		map[string]string{
			"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "f000c",
			"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq":                      "1500000",
			"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq":                      "2400000",
		},
	)
}

// virtualMachine is a container in one: it has little but a limit of memory.
func virtualMachine() computer {
	return newComputer(memoryFiles, map[string]string{
		"proc/cpuinfo":         "vendor_id\t: GenuineIntel",
		"proc/self/cgroup":     "12:cpuset:/\n0::/system.slice/porevec.service",
		"sys/class/net/lo/mtu": "65536",
		"sys/fs/cgroup/system.slice/porevec.service/memory.max":     "2000000000",
		"sys/fs/cgroup/system.slice/porevec.service/memory.current": "1800000000",
		"sys/fs/cgroup/system.slice/porevec.service/memory.stat":    "anon 1000\ninactive_file 300000000\nactive_file 5",
		"sys/fs/cgroup/system.slice/memory.max":                     "max",
	})
}

// rack is what NVML tells of two cards.
type rack []GPU

func (r rack) read() []GPU { return append([]GPU(nil), r...) }

// has says whether a note contains the text.
func has(notes []string, text string) bool { return strings.Contains(strings.Join(notes, "\n"), text) }
