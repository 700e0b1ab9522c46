package main

import (
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/power"
	"github.com/porevec/porevec/segment"
)

// guardFlags are what a computer is to bear.
type guardFlags struct {
	maxTemp, maxPower float64
	maxMemory         byteSize
	maxCores          int
}

func (f *guardFlags) register(flags *pflag.FlagSet) {
	flags.Float64Var(&f.maxTemp, "max-temp", 0, "embed less when processor or graphics card are hotter than this, °C (0: no limit)")
	flags.Float64Var(&f.maxPower, "max-power", 0, "embed less when the computer takes more than this, watts (0: no limit)")
	flags.Var(&f.maxMemory, "max-memory", "embed less when this program takes more memory, such as 2GB (0: no limit)")
	flags.IntVar(&f.maxCores, "max-cores", 0, "use no more cores than this (0: all)")
}

// validate also keeps to the cores, of which encoders are to leave none idle.
func (f *guardFlags) validate(encoder *encoderFlags) error {
	switch {
	case !(f.maxTemp == 0 || f.maxTemp >= 30 && f.maxTemp <= 120):
		return usageError("--max-temp %g: say degrees Celsius from 30 to 120", f.maxTemp)
	case !(f.maxPower >= 0):
		return usageError("--max-power %g: must not be negative", f.maxPower)
	case f.maxMemory > 0 && f.maxMemory < 100e6:
		return usageError("--max-memory %v: the program alone takes 100 MB", &f.maxMemory)
	case f.maxCores < 0:
		return usageError("--max-cores %d: must not be negative", f.maxCores)
	}
	if f.maxCores > 0 {
		runtime.GOMAXPROCS(min(f.maxCores, runtime.GOMAXPROCS(0)))
		encoder.threads = min(encoder.threads, f.maxCores)
	}
	return nil
}

// guard reads the sensors of the computer and keeps a run within its limits.
type guard struct {
	meter    *power.Meter
	governor *power.Governor
	live     bool
	log      *slog.Logger

	mu      sync.Mutex
	reading power.Reading
	why     string // of the present level
	changes int
}

// newGuard looks for sensors, and is to be closed. A live run is limited by embedding less
// of it; a replay goes slower, and loses nothing. without are levels that change nothing
// in this run.
func (f *guardFlags) newGuard(live bool, log *slog.Logger, without ...power.Level) *guard {
	limits := power.Limits{MaxTempC: f.maxTemp, MaxWatts: f.maxPower, MaxMemoryBytes: uint64(f.maxMemory)}
	g := &guard{meter: power.Open(os.DirFS("/"), log), governor: power.NewGovernor(limits, without...), live: live, log: log}
	for _, note := range g.meter.NotesFor(limits) {
		log.Warn("limits", "note", note)
	}
	return g
}

// close lets go of the sensors; nothing is asked of the guard after it.
func (g *guard) close() { g.meter.Close() }

// watch keeps the limits of a run until the returned function is called.
func (g *guard) watch(p *pipeline.Pipeline) (stop func()) {
	return every(time.Second, func() {
		if level, changed := g.step(g.meter.Read()); changed {
			p.SetLimit(g.limit(level))
		}
	})
}

func (g *guard) step(r power.Reading) (power.Level, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reading = r
	spent := g.governor.Spent()
	level, changed, why := g.governor.Step(r)
	if !spent && g.governor.Spent() {
		g.log.Error("a limit is still exceeded, and nothing is left to leave out: cool the computer, end other programs, or raise the limit", "level", level)
	}
	if changed {
		g.why = why
		g.changes++
		does := level.Does()
		if !g.live {
			does = "pausing after each batch"
			if level == power.Everything {
				does = "at full speed"
			}
		}
		g.log.Warn(why+": "+does, "level", level)
	}
	return level, changed
}

// pauses are how long a replay rests after a call, in calls, at each level.
var pauses = map[power.Level]float64{
	power.NoOverlap: 0.25, power.First8: 0.5, power.First4: 1, power.First2: 2, power.First1: 4, power.SmallWindow: 8,
}

// limit is what a level means to a pipeline.
func (g *guard) limit(level power.Level) pipeline.Limit {
	if !g.live {
		return pipeline.Limit{Pause: pauses[level]}
	}
	return pipeline.Limit{
		Segment:     segment.Limit{NoOverlap: level >= power.NoOverlap, Chunks: level.Chunks()},
		ShortWindow: level >= power.SmallWindow,
	}
}

// powerStatus is what .stat says of the computer.
type powerStatus struct {
	Level          power.Level `json:"level"`
	LevelWhy       string      `json:"level_why,omitempty"`
	LevelChanges   int         `json:"level_changes,omitempty"`
	Watts          *float64    `json:"watts,omitempty"`
	Joules         float64     `json:"joules,omitempty"`
	CPUTempC       *float64    `json:"cpu_temp_c,omitempty"`
	GPUTempC       *float64    `json:"gpu_temp_c,omitempty"`
	Throttled      []string    `json:"throttled,omitempty"`
	MemoryBytes    uint64      `json:"memory_bytes,omitempty"`
	OnBattery      bool        `json:"on_battery,omitempty"`
	BatteryPercent *float64    `json:"battery_percent,omitempty"`
}

func (g *guard) status() powerStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.reading
	return powerStatus{
		Level: g.governor.Level(), LevelWhy: g.why, LevelChanges: g.changes, Watts: r.Watts, Joules: r.Joules, CPUTempC: r.CPUTempC, GPUTempC: r.GPUTempC,
		Throttled: r.Throttled, MemoryBytes: r.ResidentBytes, OnBattery: r.OnBattery, BatteryPercent: r.BatteryPercent,
	}
}

// energy is what the computer took during a run, other programs on it included.
type energy struct {
	Joules            float64  `json:"joules"`
	JoulesPerMSamples float64  `json:"joules_per_m_samples"`
	JoulesPerRead     float64  `json:"joules_per_read"`
	Of                []string `json:"of"` // its parts, of which the joules are: "package-0", "GPU 0"
}

// energy is nil where the computer does not tell.
func (g *guard) energy(r *pipeline.Report) *energy { return energyOf(g.meter.Read(), r) }

func energyOf(told power.Reading, r *pipeline.Report) *energy {
	joules := told.Joules
	if joules <= 0 {
		return nil
	}
	e := &energy{Joules: joules, JoulesPerMSamples: joules / max(float64(r.Samples)/1e6, 1e-6), JoulesPerRead: joules / float64(max(r.Reads, 1))}
	for _, part := range told.WattsOf {
		e.Of = append(e.Of, part.Of)
	}
	return e
}
