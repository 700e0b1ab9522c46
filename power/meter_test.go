package power

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What the kernel says of sensors that are off or broken; a string, as errors of
// systems differ.
var (
	errAgain = errors.New("resource temporarily unavailable")
	errIO    = errors.New("input/output error")
)

// diff compares readings, energies to a millionth.
func diff(want, got Reading) string {
	return cmp.Diff(want, got, cmpopts.IgnoreFields(Reading{}, "At"), cmpopts.IgnoreUnexported(GPU{}), cmpopts.EquateApprox(1e-6, 0))
}

const resident, available = 500000 << 10, 8000000 << 10

// Each computer is opened, does something for two seconds, and is read.
func TestComputers(t *testing.T) {
	for name, test := range map[string]struct {
		computer computer
		cards    func() cards // the later state is the second call's
		does     map[string]string
		want     Reading
		notes    []string // parts of them; no others
	}{
		// 20 W in the package, over the end of the counter, and 2 W in its memory.
		"Intel laptop": {
			computer: intelLaptop(),
			does: map[string]string{
				"sys/class/powercap/intel-rapl:0/energy_uj":                           "39671150",
				"sys/class/powercap/intel-rapl:0:1/energy_uj":                         "9000000",
				"sys/class/powercap/intel-rapl:1/energy_uj":                           "99000000",
				"sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "10",
				"sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": "10",
			},
			want: Reading{
				Watts: new(22.), WattsOf: []Draw{{"package-0", new(20.)}, {"dram-0", new(2.)}}, Joules: 44,
				CPUTempC: new(61.), Hottest: &Temperature{"coretemp Package id 0", processor, 61, new(100.)},
				Throttled: []string{"processor: package too hot"}, ThrottledByHeat: true, ClockShare: new(0.625),
				OnBattery: true, BatteryPercent: new(56.), BatteryWattHours: new(28.), BatteryWatts: new(18.5),
			},
		},
		"AMD desktop": {
			computer: amdDesktop(),
			want: Reading{
				WattsOf:  []Draw{{"package-0", nil}, {"amdgpu 0", new(12.)}},
				CPUTempC: new(71.25), Hottest: &Temperature{"k10temp Tdie", processor, 71.25, nil},
			},
			notes: []string{"chmod a+r", "watts are unknown without those of package-0"},
		},
		"Jetson Orin": {
			computer: jetsonOrin(),
			does:     map[string]string{"sys/class/hwmon/hwmon3/oc3_event_cnt": "40"},
			want: Reading{
				Watts: new(12.), WattsOf: []Draw{{"VDD_IN", new(12.)}}, Joules: 24,
				CPUTempC: new(63.625), GPUTempC: new(62.), Hottest: &Temperature{"tj-thermal", wholeChip, 63.781, new(99.)},
				Throttled: []string{"board: instantaneous_over_current"}, ClockShare: new(1.),
				GPUs: []GPU{{Name: "Jetson", TempC: new(62.), BusyPercent: new(87.3)}},
			},
		},
		"Raspberry Pi 5": {
			computer: raspberryPi(),
			want: Reading{
				CPUTempC: new(81.25), Hottest: &Temperature{"cpu_thermal", processor, 81.25, new(110.)},
				Throttled: []string{"board: throttled", "board: soft_temperature_limit"}, ThrottledByHeat: true, ClockShare: new(0.625),
			},
			notes: []string{"does not tell how many watts"},
		},
		"virtual machine": {
			computer: virtualMachine(),
			want:     Reading{MemoryAvailableBytes: 500_000_000},
			notes:    []string{"does not tell how many watts", "modprobe coretemp"},
		},
		"nothing at all": {
			computer: newComputer(memoryFiles),
			notes:    []string{"neither watts nor temperatures"},
		},
		// The battery feeds all, so that it is believed where the processor tells nothing.
		"laptop for root only": {
			computer: rootOnly(intelLaptop()),
			want: Reading{
				Watts: new(18.5), WattsOf: []Draw{{"battery", new(18.5)}}, Joules: 37,
				CPUTempC: new(61.), Hottest: &Temperature{"coretemp Package id 0", processor, 61, new(100.)}, ClockShare: new(0.625),
				OnBattery: true, BatteryPercent: new(56.), BatteryWattHours: new(28.), BatteryWatts: new(18.5),
			},
			notes: []string{"chmod a+r", "those of the battery"},
		},
		"NVIDIA card in a virtual machine": {
			computer: virtualMachine(),
			cards:    func() cards { return rack{{Name: "T4", Watts: new(70.), TempC: new(60.)}} },
			want: Reading{
				WattsOf:  []Draw{{"processor", nil}, {"GPU 0", new(70.)}},
				GPUTempC: new(60.), Hottest: &Temperature{"GPU 0 T4", graphics, 60, nil},
				GPUs: []GPU{{Name: "T4", Watts: new(70.), TempC: new(60.)}}, MemoryAvailableBytes: 500_000_000,
			},
			notes: []string{"watts are unknown without those of processor"},
		},
		"NVIDIA card that does not tell": {
			computer: server(),
			does:     map[string]string{"sys/class/powercap/intel-rapl:0/energy_uj": "201000000"},
			cards:    func() cards { return rack{{Name: "GT 710", TempC: new(40.)}} },
			want: Reading{
				WattsOf:  []Draw{{"package-0", new(100.)}, {"GPU 0", nil}},
				GPUTempC: new(40.), Hottest: &Temperature{"GPU 0 GT 710", graphics, 40, nil},
				GPUs: []GPU{{Name: "GT 710", TempC: new(40.)}},
			},
			notes: []string{"watts are unknown without those of GPU 0"},
		},
		// 100 W in the processor, 300 W by a counter, 70 W by power; heat in one card.
		"NVIDIA cards": {
			computer: server(),
			does:     map[string]string{"sys/class/powercap/intel-rapl:0/energy_uj": "201000000"},
			cards: func() cards {
				first, later := uint64(18_000_000_000), uint64(18_000_600_000)
				before := GPU{Name: "A", Driver: "550.54", Watts: new(299.), TempC: new(87.), LimitC: new(90.), Throttled: []string{"sw_power_cap", "hw_thermal_slowdown"},
					BusyPercent: new(99.), MemoryUsedBytes: 1 << 30, MemoryTotalBytes: 80 << 30, heat: true, millijoules: &first}
				after := before
				after.millijoules = &later
				second := GPU{Name: "T4", Driver: "550.54", Watts: new(70.), TempC: new(60.)}
				return &twice{rack{before, second}, rack{after, second}}
			},
			want: Reading{
				Watts: new(470.), WattsOf: []Draw{{"package-0", new(100.)}, {"GPU 0", new(300.)}, {"GPU 1", new(70.)}}, Joules: 940,
				GPUTempC: new(87.), Hottest: &Temperature{"GPU 0 A", graphics, 87, new(90.)},
				Throttled: []string{"GPU 0: sw_power_cap", "GPU 0: hw_thermal_slowdown"}, ThrottledByHeat: true,
				GPUs: []GPU{
					{Name: "A", Driver: "550.54", Watts: new(299.), TempC: new(87.), LimitC: new(90.), BusyPercent: new(99.),
						Throttled: []string{"sw_power_cap", "hw_thermal_slowdown"}, MemoryUsedBytes: 1 << 30, MemoryTotalBytes: 80 << 30},
					{Name: "T4", Driver: "550.54", Watts: new(70.), TempC: new(60.)},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cards cards
				if test.cards != nil {
					cards = test.cards()
				}
				m := test.computer.open(cards)
				defer m.Close()
				time.Sleep(2 * time.Second)
				test.computer.set(test.does)
				test.want.ResidentBytes = resident
				if test.want.MemoryAvailableBytes == 0 {
					test.want.MemoryAvailableBytes = available
				}
				if d := diff(test.want, m.Read()); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				notes := m.Notes()
				if len(notes) != len(test.notes) {
					t.Errorf("notes %q, want %q", notes, test.notes)
				}
				for _, text := range test.notes {
					if !has(notes, text) {
						t.Errorf("no note says %q: %q", text, notes)
					}
				}
			})
		})
	}
}

// twice gives one state and then another for good.
type twice struct{ first, then cards }

func (c *twice) read() []GPU {
	gpus := c.first.read()
	c.first = c.then
	return gpus
}

// The rails that are counted on each board are those that feed all of it once.
func TestBoards(t *testing.T) {
	ina3221 := func(dir string, labels ...string) map[string]string {
		files := map[string]string{"name": "ina3221"}
		for i, label := range labels {
			n := strconv.Itoa(i + 1)
			files["in"+n+"_label"], files["in"+n+"_input"], files["curr"+n+"_input"] = label, "5000", "1000"
		}
		return under("sys/class/hwmon/"+dir, files)
	}
	for name, test := range map[string]struct {
		computer computer
		want     string
	}{
		"AGX Orin":   {newComputer(ina3221("hwmon1", "VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), ina3221("hwmon2", "NC", "VDDQ_VDD2_1V8AO", "NC")), "VDD_GPU_SOC VDD_CPU_CV VIN_SYS_5V0"},
		"AGX Xavier": {newComputer(ina3221("hwmon1", "GPU", "CPU", "SOC"), ina3221("hwmon2", "CV", "VDDRQ", "SYS5V")), "GPU CPU SOC CV VDDRQ SYS5V"},
		"TX2":        {newComputer(ina3221("hwmon1", "VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI"), ina3221("hwmon2", "VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR")), "VDD_IN"},
		"Nano":       {newComputer(ina3221("hwmon0", "POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU")), "POM_5V_IN"},
		"Thor": {newComputer(under("sys/class/hwmon/hwmon0", map[string]string{"name": "ina238", "power1_input": "25000000"}),
			ina3221("hwmon1", "VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0")), "VIN"},
		"server": {newComputer(under("sys/class/hwmon/hwmon0", map[string]string{"name": "power_meter", "power1_average": "240000000"})), "board"},
		"other":  {newComputer(under("sys/class/hwmon/hwmon0", map[string]string{"name": "ina238", "power1_input": "25000000"})), ""},
	} {
		var rails []string
		for _, p := range (tree{test.computer}).board() {
			rails = append(rails, p.of)
			if j, ok := p.joules(2); !ok || j < 10 {
				t.Errorf("%s: %s gives %g J, %v", name, p.of, j, ok)
			}
		}
		if got := strings.Join(rails, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Sensors vanish and come back. What is not known is not guessed, and energy goes on
// where it was.
func TestSensorsVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := intelLaptop()
		m := c.open(nil)
		uj := 262143000000 / 2
		const energy, temp = "sys/class/powercap/intel-rapl:0/energy_uj", "sys/class/hwmon/hwmon5/temp1_input"
		read := func(watts int) Reading {
			t.Helper()
			time.Sleep(time.Second)
			uj += watts * 1e6
			c.set(map[string]string{energy: strconv.Itoa(uj)})
			return m.Read()
		}
		c.set(map[string]string{energy: strconv.Itoa(uj)})
		time.Sleep(time.Second)
		if r := m.Read(); r.Watts != nil || r.Joules != 0 {
			t.Errorf("a counter that went back by half its range gives %v", *r.Watts)
		}
		if r := read(30); r.Watts == nil || *r.Watts != 30 || r.Hottest == nil {
			t.Errorf("before: %+v", r)
		}
		c.fails[energy], c.fails[temp] = errIO, errIO
		r := read(30)
		if r.Watts != nil || r.WattsOf[0].Watts != nil || r.WattsOf[1].Watts == nil || r.CPUTempC != nil || r.Hottest != nil || len(r.TempsLost) != 1 {
			t.Errorf("gone: %+v", r)
		}
		if !has(m.Notes(), "coretemp Package id 0 does not answer any more") {
			t.Errorf("notes: %q", m.Notes())
		}
		clear(c.fails)
		if r := read(30); r.Watts != nil || r.Hottest == nil || len(r.TempsLost) != 0 {
			t.Errorf("back, but what was used meanwhile is not this second's: %+v", r)
		}
		if r := read(25); r.Watts == nil || *r.Watts != 25 || r.Joules != 55 {
			t.Errorf("after: %+v", r)
		}
		delete(c.files, temp)
		if r := read(25); len(r.TempsLost) != 1 {
			t.Errorf("its file is gone: %+v", r)
		}
		first, second := m.Read(), m.Read()
		if first.Watts == nil || *first.Watts != 25 || diff(first, second) != "" {
			t.Errorf("two readings at once: %+v, %+v", first, second)
		}
	})
}

// A Jetson's GPU that has nothing to do is off, and not lost.
func TestJetsonGPUIsOff(t *testing.T) {
	c := jetsonOrin()
	m := c.open(nil)
	m.Read()
	c.fails["sys/class/thermal/thermal_zone1/temp"] = errAgain
	if r := m.Read(); r.GPUTempC != nil || r.Hottest == nil || len(r.TempsLost) != 0 || len(m.Notes()) != 0 {
		t.Errorf("%+v, %q", r, m.Notes())
	}
}

func TestBattery(t *testing.T) {
	bat := func(n string, files map[string]string) map[string]string {
		files["type"] = "Battery"
		return under("sys/class/power_supply/BAT"+n, files)
	}
	// A charge, its sign as some drivers have it; two batteries of which one rests.
	c := newComputer(bat("0", map[string]string{"status": "Discharging", "voltage_now": "11400000", "current_now": "-1500000", "capacity": "40"}),
		bat("1", map[string]string{"status": "Not charging", "capacity": "101", "energy_now": "23000000"}))
	synctest.Test(t, func(t *testing.T) {
		m := c.open(nil)
		time.Sleep(time.Second)
		r := m.Read()
		want := Reading{Watts: new(17.1), WattsOf: []Draw{{"battery", new(17.1)}}, Joules: 17.1, OnBattery: true, BatteryPercent: new(70.), BatteryWatts: new(17.1)}
		if d := diff(want, r); d != "" || !has(m.Notes(), "battery") {
			t.Errorf("%q (-want +got):\n%s", m.Notes(), d)
		}
		c.set(map[string]string{"sys/class/power_supply/BAT0/status": "Charging"})
		time.Sleep(time.Second)
		if r := m.Read(); r.OnBattery || r.Watts != nil || r.BatteryWatts != nil {
			t.Errorf("with the mains: %+v", r)
		}
	})
}

// A limit is told of what it needs, and of nothing else.
func TestNotesForLimits(t *testing.T) {
	for _, c := range []computer{virtualMachine(), newComputer(memoryFiles)} {
		m := c.open(nil)
		if notes := m.NotesFor(Limits{MaxMemoryBytes: 1}); len(notes) != 0 {
			t.Errorf("of memory: %q", notes)
		}
		watts, temps := m.NotesFor(Limits{MaxWatts: 1}), m.NotesFor(Limits{MaxTempC: 1})
		if len(watts) != 1 || len(temps) != 1 || !has(watts, "watts") || !has(temps, "temperature") {
			t.Errorf("of watts: %q; of temperature: %q", watts, temps)
		}
	}
	if notes := newComputer().open(nil).NotesFor(Limits{MaxMemoryBytes: 1}); !has(notes, "memory of this program cannot be read") {
		t.Errorf("no memory: %q", notes)
	}
}

// Broken values give no numbers, and no panic.
func TestBrokenValues(t *testing.T) {
	cards := rack{{Name: "A"}}
	for _, bad := range []string{"", "garbage", "99999999999999999999999", "9223372036854775807", "-9223372036854775808", "-1", "0x10", "1e9", "NaN", "max", "\x00\xff"} {
		for _, c := range []computer{intelLaptop(), amdDesktop(), jetsonOrin(), raspberryPi(), virtualMachine()} {
			for path := range c.files {
				if !strings.HasSuffix(path, "name") && !strings.HasSuffix(path, "type") && !strings.HasSuffix(path, "label") && path != "proc/self/cgroup" {
					c.files[path] = bad
				}
			}
			m := c.open(cards)
			defer m.Close()
			m.last = m.last.Add(-time.Second)
			r := m.Read()
			if r.Hottest != nil && bad != "-1" || r.Watts != nil && *r.Watts != 0 || r.ResidentBytes != 0 || r.BatteryPercent != nil && *r.BatteryPercent != 100 {
				t.Errorf("%q: %+v", bad, r)
			}
		}
	}
}

func FuzzComputers(f *testing.F) {
	for _, seed := range []string{"", "42000", "-274000", "passive", "critical", "99999999999999999999", "0::/../../x", "VmRSS: 1 kB", "ffffffff", "nan"} {
		f.Add(uint(0), uint(7), seed, seed)
	}
	f.Fuzz(func(t *testing.T, which, file uint, before, after string) {
		c := []func() computer{intelLaptop, amdDesktop, jetsonOrin, raspberryPi, virtualMachine}[which%5]()
		var paths []string
		for path := range maps.Keys(c.files) {
			paths = append(paths, path)
		}
		path := paths[file%uint(len(paths))]
		c.files[path] = before
		m := c.open(nil)
		m.last = m.last.Add(-time.Second)
		c.files[path] = after
		r := m.Read()
		if h := r.Hottest; h != nil && !(h.TempC > coldestC && h.TempC < hottestC) {
			t.Errorf("%g °C", h.TempC)
		}
		if w := r.Watts; w != nil && !(*w >= 0 && *w <= 20*mostWatts) {
			t.Errorf("%g W", *w)
		}
		if s := r.ClockShare; s != nil && !(*s > 0 && *s <= 1) {
			t.Errorf("share of clocks %g", *s)
		}
		if p := r.BatteryPercent; p != nil && !(*p >= 0 && *p <= 100) {
			t.Errorf("%g %%", *p)
		}
	})
}

// This computer, whatever it is.
func TestThisComputer(t *testing.T) {
	m := Open(os.DirFS("/"), slog.New(slog.DiscardHandler))
	defer m.Close()
	r := m.Read()
	t.Logf("%+v\n%q", r, m.Notes())
	if _, err := fs.Stat(os.DirFS("/"), "proc/self/status"); err == nil && (r.ResidentBytes == 0 || r.MemoryAvailableBytes == 0) {
		t.Errorf("no memory: %+v", r)
	}
}
