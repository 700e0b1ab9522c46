package power

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits are what a computer is to bear; 0: no limit.
type Limits struct {
	MaxTempC       float64
	MaxWatts       float64
	MaxMemoryBytes uint64
}

// How fast the governor is.
const (
	// smoothing is the time constant of the mean of temperatures and watts: turbo clocks
	// make both jump for a second.
	smoothing = 3 * time.Second
	// A limit counts as exceeded after so long. Temperature is slow and gives time; a cap of
	// watts may be a fuse or a generator.
	tempHold  = 5 * time.Second
	wattsHold = 3 * time.Second
	// Memory counts at once, but it takes the runtime some seconds to give back what is
	// no longer used.
	memoryHold = 5 * time.Second
	// So far above the limit, and when the hardware throttles for heat, every steepHold
	// counts: what the hardware does then costs more than a level.
	steepC    = 5
	steepHold = time.Second
	// A level is given back when everything was below its limit by a margin. Chips cool
	// 5 °C within seconds, and giving back a level adds about a tenth of the load.
	marginC     = 5
	marginShare = 0.1
	// So long it must have been. A passive heat sink needs minutes to settle, so when a
	// level given back has to be taken again within relapse, the patience doubles.
	shortPatience = 30 * time.Second
	longPatience  = 8 * time.Minute
	relapse       = 10 * time.Minute
	// A gap this long between two readings (a suspended laptop) says nothing about what
	// was between.
	longestGap = 10 * time.Second
)

// Governor chooses the level of work from readings. It is for one goroutine.
//
// A limit whose sensor has never answered is not kept. One whose sensor has gone, even
// one of several, does not let a level be given back.
type Governor struct {
	limits Limits
	levels []Level // those used, Everything first
	at     int     // index into levels

	temp, watts, memory watched
	steepSince          time.Time // zero: not steep
	calmSince           time.Time // zero: not calm
	last                time.Time // the reading before
	changed             time.Time // the level, last
	rose, fell          time.Time // a level was taken, given back
	patience            time.Duration
	spent               bool
}

// NewGovernor begins with Everything. Levels that change nothing in a run (no chunks
// overlap, the model has one window) are left out.
func NewGovernor(limits Limits, without ...Level) *Governor {
	g := &Governor{limits: limits, levels: []Level{Everything}, patience: shortPatience}
	for l := NoOverlap; l <= SmallWindow; l++ {
		if !slices.Contains(without, l) {
			g.levels = append(g.levels, l)
		}
	}
	return g
}

// Spent says that a limit is exceeded at the last level: nothing more can be left out.
func (g *Governor) Spent() bool { return g.spent }

// Level is the present one.
func (g *Governor) Level() Level { return g.levels[g.at] }

// watched is one quantity that has a limit.
type watched struct {
	seen  bool // has ever been known
	known bool // in the last reading
	mean  float64
	since time.Time // when it began to be above the limit; zero: it is not
}

// take adds a value, or nil. Means begin anew after it was not known.
func (w *watched) take(value *float64, limit float64, past, smooth time.Duration, now time.Time) {
	if value == nil || limit <= 0 || math.IsNaN(*value-*value) { // infinite too
		w.known, w.since = false, time.Time{}
		return
	}
	if w.known && smooth > 0 {
		w.mean += (*value - w.mean) * (1 - math.Exp(-past.Seconds()/smooth.Seconds()))
	} else {
		w.mean = *value
	}
	w.seen, w.known = true, true
	switch {
	case w.mean <= limit:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = now
	}
}

// over says whether it has been above its limit for hold, counted anew from the last
// change of the level.
func (w *watched) over(hold time.Duration, changed, now time.Time) bool {
	return held(w.since, hold, changed, now)
}

func held(since time.Time, hold time.Duration, changed, now time.Time) bool {
	if changed.After(since) {
		return !since.IsZero() && now.Sub(changed) >= hold
	}
	return !since.IsZero() && now.Sub(since) >= hold
}

// below says whether it stands in the way of giving a level back: it does when it is
// too near to its limit, and when it was known once and is not now.
func (w *watched) below(bound float64) bool { return !w.seen || w.known && w.mean < bound }

// Step takes a reading, which must be later than the one before, and gives the level
// to work at. When that has changed, why tells an operator what was measured.
func (g *Governor) Step(r Reading) (level Level, changed bool, why string) {
	past := r.At.Sub(g.last)
	if !g.last.IsZero() && past <= 0 {
		return g.Level(), false, ""
	}
	if past > longestGap { // true of the first reading too
		g.temp.known, g.watts.known, g.memory.known = false, false, false
		g.temp.since, g.watts.since, g.memory.since = time.Time{}, time.Time{}, time.Time{}
		g.steepSince, g.calmSince = time.Time{}, time.Time{}
	}
	g.last = r.At
	g.take(r, past)
	g.spent = g.spent && !g.calm(r)
	if reason := g.exceeded(r); reason != "" {
		g.calmSince = time.Time{}
		return g.up(r.At, reason)
	}
	if !g.calm(r) {
		g.calmSince = time.Time{}
		return g.Level(), false, ""
	}
	if g.calmSince.IsZero() {
		g.calmSince = r.At
	}
	if g.at > 0 && held(g.calmSince, g.patience, g.changed, r.At) {
		return g.down(r)
	}
	return g.Level(), false, ""
}

func (g *Governor) take(r Reading, past time.Duration) {
	var temp, memory *float64
	if r.Hottest != nil {
		temp = &r.Hottest.TempC
	}
	if r.ResidentBytes > 0 {
		memory = new(float64(r.ResidentBytes))
	}
	g.temp.take(temp, g.limits.MaxTempC, past, smoothing, r.At)
	g.watts.take(r.Watts, g.limits.MaxWatts, past, smoothing, r.At)
	g.memory.take(memory, float64(g.limits.MaxMemoryBytes), past, 0, r.At)
	switch {
	case !g.steep(r):
		g.steepSince = time.Time{}
	case g.steepSince.IsZero():
		g.steepSince = r.At
	}
}

// steep: without a limit of temperature, throttling is nobody's concern but the
// hardware's.
func (g *Governor) steep(r Reading) bool {
	return g.limits.MaxTempC > 0 && (r.ThrottledByHeat || g.temp.known && r.Hottest.TempC >= g.limits.MaxTempC+steepC)
}

// exceeded names the limit for which a level is to be taken; "": none.
func (g *Governor) exceeded(r Reading) string {
	steep := held(g.steepSince, steepHold, g.changed, r.At)
	switch {
	case steep && r.ThrottledByHeat:
		return "the hardware throttles itself for heat (" + strings.Join(r.Throttled, ", ") + ")"
	case steep, g.temp.over(tempHold, g.changed, r.At):
		return g.tempSays(r.Hottest.Part, max(r.Hottest.TempC, g.temp.mean))
	case g.watts.over(wattsHold, g.changed, r.At):
		return g.wattsSays()
	case !g.memory.since.IsZero() && (g.changed.IsZero() || r.At.Sub(g.changed) >= memoryHold):
		return g.memorySays()
	}
	return ""
}

func (g *Governor) calm(r Reading) bool {
	return g.steepSince.IsZero() && (len(r.TempsLost) == 0 || g.limits.MaxTempC <= 0) &&
		g.temp.below(g.limits.MaxTempC-marginC) &&
		g.watts.below(g.limits.MaxWatts*(1-marginShare)) &&
		g.memory.below(float64(g.limits.MaxMemoryBytes)*(1-marginShare))
}

func (g *Governor) up(now time.Time, reason string) (Level, bool, string) {
	if g.spent = g.at == len(g.levels)-1; g.spent {
		return g.Level(), false, ""
	}
	if !g.fell.IsZero() && now.Sub(g.fell) < relapse {
		g.patience = min(2*g.patience, longPatience)
		g.fell = time.Time{} // one relapse, however many levels it takes
	}
	g.at++
	g.changed, g.rose = now, now
	return g.Level(), true, reason
}

func (g *Governor) down(r Reading) (Level, bool, string) {
	if r.At.Sub(g.rose) >= relapse {
		g.patience = max(g.patience/2, shortPatience)
	}
	g.at--
	g.changed, g.fell = r.At, r.At
	var now []string
	if g.temp.known {
		now = append(now, g.tempSays(r.Hottest.Part, g.temp.mean))
	}
	if g.watts.known {
		now = append(now, g.wattsSays())
	}
	if g.memory.known {
		now = append(now, g.memorySays())
	}
	return g.Level(), true, strings.Join(now, "; ")
}

func (g *Governor) tempSays(part string, tempC float64) string {
	return fmt.Sprintf("%s at %s °C, limit %s °C", part, short(tempC), short(g.limits.MaxTempC))
}

func (g *Governor) wattsSays() string {
	return fmt.Sprintf("%s W, limit %s W", short(g.watts.mean), short(g.limits.MaxWatts))
}

// short writes one decimal, and none where it is 0.
func short(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

func (g *Governor) memorySays() string {
	return fmt.Sprintf("%.2f GB of memory, limit %.2f GB", g.memory.mean/1e9, float64(g.limits.MaxMemoryBytes)/1e9)
}
