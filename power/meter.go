package power

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Meter reads the sensors that it found when it was opened.
type Meter struct {
	log  *slog.Logger
	tree tree

	sensors   []*sensor // those of NVML's cards last
	parts     []*part
	tallies   []*tally
	firmware  string
	cores     []core
	batteries []string
	groups    []string
	cards     *patient // nil: none, or their driver failed
	tegraLoad string
	notes     []note // of what was missing from the beginning

	mu     sync.Mutex
	gpus   []GPU
	silent error     // of the driver of the cards; nil: it answered
	last   time.Time // when energy was counted last
	draws  []Draw
	watts  *float64
	joules float64
}

// Open looks for what the computer tells below root, which is os.DirFS("/") but in
// tests, and for NVIDIA's driver. The meter is to be closed.
func Open(root fs.FS, log *slog.Logger) *Meter { return open(root, log, openNVML) }

func open(root fs.FS, log *slog.Logger, openCards func() (cards, error)) *Meter {
	t := tree{root}
	m := &Meter{
		log: log, tree: t,
		sensors: t.sensors(), tallies: t.tallies(), firmware: t.firmware(), cores: t.cores(),
		batteries: t.batteries(), groups: t.groups(), tegraLoad: t.tegraLoad(),
	}
	m.cards, m.gpus, m.silent = openPatient(openCards)
	if errors.Is(m.silent, errSilent) {
		log.Warn("graphics cards are left alone", "error", m.silent)
	}
	for i, g := range m.gpus {
		m.sensors = append(m.sensors, &sensor{name: graphics + " " + strconv.Itoa(i) + " " + g.Name, part: graphics, limitC: g.LimitC})
	}
	denied := m.findParts()
	for _, p := range m.parts {
		p.joules(0) // counters begin here
	}
	m.last = time.Now()
	for _, c := range m.tallies {
		c.grew(t)
	}
	m.findGaps(denied)
	return m
}

// findParts chooses what the watts are of. See the package's documentation.
func (m *Meter) findParts() (denied bool) {
	if m.parts = m.tree.board(); len(m.parts) > 0 {
		return false
	}
	processors, denied := m.tree.rapl()
	cards := append(m.tree.radeons(), m.nvidiaParts()...)
	if len(processors) == 0 && len(cards) > 0 {
		processors = []*part{untold(processor)}
	}
	m.parts = append(processors, cards...)
	if len(m.batteries) > 0 && (len(m.parts) == 0 || len(m.untold()) > 0) {
		m.parts = []*part{steady("battery", func() (float64, bool) {
			c := m.tree.charge(m.batteries)
			if c.watts == nil {
				return 0, false
			}
			return *c.watts, true
		})}
	}
	return denied
}

// untold names the parts without which the sum is unknown from the beginning.
func (m *Meter) untold() (names []string) {
	for _, p := range m.parts {
		if p.untold {
			names = append(names, p.of)
		}
	}
	return names
}

// Close lets go of the graphics cards, for which it waits two seconds at most. Nothing
// is read after it.
func (m *Meter) Close() {
	if m.cards == nil {
		return
	}
	if err := m.cards.close(); err != nil {
		m.log.Warn("a call of the driver of graphics cards is left behind", "error", err)
	}
}

// shortest is the time below which energy is not counted anew: RAPL's counters move
// once a millisecond, those of graphics cards every 20 to 100 ms.
const shortest = 100 * time.Millisecond

// Read asks all sensors, which takes a few milliseconds; two seconds when NVIDIA's
// driver begins to hang. Once a second is meant. It is safe to call at the same time
// from several goroutines.
func (m *Meter) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cards != nil {
		m.readCards()
	}
	r := Reading{At: time.Now()}
	m.readEnergy(&r)
	m.readTemps(&r)
	m.readThrottling(&r)
	m.readGPUs(&r)
	r.ClockShare = m.tree.clockShare(m.cores)
	r.ResidentBytes, r.MemoryAvailableBytes = m.tree.resident(), m.tree.available(m.groups)
	c := m.tree.charge(m.batteries)
	r.OnBattery, r.BatteryPercent, r.BatteryWattHours, r.BatteryWatts = c.draining, c.percent, c.wattHours, c.watts
	return r
}

// readCards logs when the driver of the cards goes silent and when it answers again.
func (m *Meter) readCards() {
	before := m.silent
	m.gpus, m.silent = m.cards.read()
	switch {
	case m.silent != nil && before == nil:
		m.log.Warn("graphics cards do not answer any more: their watts and temperatures are unknown", "error", m.silent)
	case m.silent == nil && before != nil:
		m.log.Info("graphics cards answer again")
	}
}

func (m *Meter) readEnergy(r *Reading) {
	if past := r.At.Sub(m.last); past >= shortest {
		seconds := past.Seconds()
		sum, known := 0., len(m.parts) > 0
		m.draws = nil
		for _, p := range m.parts {
			draw := Draw{Of: p.of}
			j, ok := p.joules(seconds)
			if known = known && ok; ok {
				draw.Watts = new(j / seconds)
				sum += j
			}
			m.draws = append(m.draws, draw)
		}
		m.last, m.watts = r.At, nil
		if known {
			m.watts = new(sum / seconds)
			m.joules += sum
		}
	}
	r.Watts, r.WattsOf, r.Joules = m.watts, m.draws, m.joules
}

func (m *Meter) readTemps(r *Reading) {
	files := len(m.sensors) - len(m.gpus)
	for i, s := range m.sensors {
		c, err := 0., error(errNoTemperature)
		if i < files {
			c, err = s.read(m.tree)
		} else if m.silent != nil {
			err = m.silent
		} else if told := m.gpus[i-files].TempC; told != nil {
			c, err = *told, nil
		}
		m.tell(s, err)
		if err != nil {
			if s.answered && !s.aside {
				r.TempsLost = append(r.TempsLost, s.name)
			}
			continue
		}
		switch s.part {
		case processor:
			r.CPUTempC = hotter(r.CPUTempC, c)
		case graphics:
			r.GPUTempC = hotter(r.GPUTempC, c)
		}
		if !s.aside && (r.Hottest == nil || c > r.Hottest.TempC) {
			r.Hottest = &Temperature{Sensor: s.name, Part: s.part, TempC: c, LimitC: s.limitC}
		}
	}
}

// tell logs when a sensor goes and comes back. Those aside do it all the time: the GPU
// of a Jetson is off when it has nothing to do. That a driver is silent was told for all
// its cards.
func (m *Meter) tell(s *sensor, err error) {
	if errors.Is(err, errSilent) {
		return
	}
	switch {
	case s.aside:
	case err != nil && s.answered && s.failed == nil:
		m.log.Warn("a temperature sensor does not answer any more", "sensor", s.name, "error", err)
	case err == nil && s.failed != nil && s.answered:
		m.log.Info("a temperature sensor answers again", "sensor", s.name)
	}
	s.failed, s.answered = err, s.answered || err == nil
}

func (m *Meter) readThrottling(r *Reading) {
	add := func(reasons ...string) {
		for _, reason := range reasons {
			if !slices.Contains(r.Throttled, reason) {
				r.Throttled = append(r.Throttled, reason)
			}
		}
	}
	for _, c := range m.tallies {
		if c.grew(m.tree) {
			add(c.says)
			r.ThrottledByHeat = r.ThrottledByHeat || c.heat
		}
	}
	if m.firmware != "" {
		reasons, heat := m.tree.piReasons(m.firmware)
		add(reasons...)
		r.ThrottledByHeat = r.ThrottledByHeat || heat
	}
	for i, g := range m.gpus {
		for _, reason := range g.Throttled {
			add(graphics + " " + strconv.Itoa(i) + ": " + reason)
		}
		r.ThrottledByHeat = r.ThrottledByHeat || g.heat
	}
}

// readGPUs adds how busy a Jetson's GPU is, which NVML does not tell there.
func (m *Meter) readGPUs(r *Reading) {
	r.GPUs = slices.Clone(m.gpus)
	if m.tegraLoad == "" {
		return
	}
	if len(r.GPUs) == 0 {
		r.GPUs = []GPU{{Name: "Jetson", TempC: r.GPUTempC}}
	}
	if n, err := m.tree.number(m.tegraLoad); err == nil && n >= 0 && n <= 1000 {
		r.GPUs[0].BusyPercent = new(float64(n) / 10)
	}
}
