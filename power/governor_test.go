package power

import (
	"math"
	"slices"
	"testing"
	"time"
)

// drive gives a governor readings once a second.
type drive struct {
	g    *Governor
	at   time.Time
	told []string
}

func newDrive(limits Limits, without ...Level) *drive {
	return &drive{g: NewGovernor(limits, without...), at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
}

// step gives n of the same reading; its time is set.
func (d *drive) step(n int, r Reading) Level {
	for range n {
		d.at = d.at.Add(time.Second)
		r.At = d.at
		if _, changed, why := d.g.Step(r); changed {
			d.told = append(d.told, why)
		}
	}
	return d.g.Level()
}

func at(c float64) Reading { return Reading{Hottest: &Temperature{Part: processor, TempC: c}} }

func TestTakesLevels(t *testing.T) {
	temp, watts, memory := Limits{MaxTempC: 85}, Limits{MaxWatts: 40}, Limits{MaxMemoryBytes: 1e9}
	for _, c := range []struct {
		name    string
		limits  Limits
		reading Reading
		seconds int
		want    Level
	}{
		{"cool", temp, at(84), 100, Everything},
		{"hot, not for long", temp, at(87), 5, Everything},
		{"hot for a while", temp, at(87), 6, NoOverlap},
		{"hot for a minute", temp, at(87), 60, SmallWindow},
		{"far too hot", temp, at(91), 3, NoOverlap + 1},
		{"no limit", Limits{}, at(120), 100, Everything},
		{"throttled by heat", temp, Reading{ThrottledByHeat: true, Throttled: []string{"processor: package too hot"}}, 2, NoOverlap},
		{"throttled, without a limit", watts, Reading{ThrottledByHeat: true}, 100, Everything},
		{"watts", watts, Reading{Watts: new(45.)}, 4, NoOverlap},
		{"watts, not for long", watts, Reading{Watts: new(45.)}, 3, Everything},
		{"memory", memory, Reading{ResidentBytes: 2e9}, 1, NoOverlap},
		{"memory takes its time", memory, Reading{ResidentBytes: 2e9}, 5, NoOverlap},
		{"not a number", temp, at(math.NaN()), 100, Everything},
		{"infinite", watts, Reading{Watts: new(math.Inf(1))}, 100, Everything},
		{"no sensor", temp, Reading{}, 100, Everything},
	} {
		d := newDrive(c.limits)
		if got := d.step(c.seconds, c.reading); got != c.want {
			t.Errorf("%s: %v after %d s, want %v", c.name, got, c.seconds, c.want)
		}
	}
}

func TestSaysWhy(t *testing.T) {
	d := newDrive(Limits{MaxTempC: 85, MaxWatts: 40, MaxMemoryBytes: 1e9})
	d.step(6, at(87))
	d.step(4, Reading{Watts: new(45.)})
	d.step(6, Reading{ResidentBytes: 2e9})
	want := []string{"processor at 87 °C, limit 85 °C", "45 W, limit 40 W", "2.00 GB of memory, limit 1.00 GB"}
	if len(d.told) < 3 || !slices.Equal(d.told[:3], want) {
		t.Errorf("%q", d.told)
	}
	if NoOverlap.Does() != "embedding no overlapping chunks" || First4.Does() != "embedding only the first 4 chunks of each read" {
		t.Error(NoOverlap.Does(), First4.Does())
	}
}

func TestGivesLevelsBack(t *testing.T) {
	d := newDrive(Limits{MaxTempC: 85})
	d.step(6, at(87))
	if got := d.step(600, at(81)); got != NoOverlap {
		t.Errorf("within the margin: %v", got)
	}
	if got := d.step(29, at(75)); got != NoOverlap {
		t.Errorf("too early: %v", got)
	}
	if got := d.step(10, at(75)); got != Everything {
		t.Errorf("cool for 40 s: %v", got)
	}
	// Again within ten minutes: it takes twice as long to come back.
	if got := d.step(14, at(87)); got != NoOverlap {
		t.Errorf("hot again: %v", got)
	}
	if got := d.step(55, at(75)); got != NoOverlap {
		t.Errorf("no patience: %v", got)
	}
	if got := d.step(20, at(75)); got != Everything {
		t.Errorf("cool for 75 s: %v", got)
	}
}

func TestLeavesLevelsOut(t *testing.T) {
	d := newDrive(Limits{MaxTempC: 85}, NoOverlap, SmallWindow)
	if got := d.step(6, at(87)); got != First8 {
		t.Errorf("the first level is %v", got)
	}
	if got := d.step(600, at(87)); got != First1 {
		t.Errorf("the last level is %v", got)
	}
}

// A sensor that goes says nothing, neither good nor bad.
func TestSensorGoes(t *testing.T) {
	d := newDrive(Limits{MaxTempC: 85})
	d.step(6, at(87))
	for name, gone := range map[string]Reading{"gone": {}, "one of two": {Hottest: &Temperature{Part: processor, TempC: 40}, TempsLost: []string{"GPU 0"}}} {
		if got := d.step(3600, gone); got != NoOverlap {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := d.step(60, at(60)); got != Everything {
		t.Errorf("it is back, and cool: %v", got)
	}
}

// A laptop that slept, and a clock that stands still or goes back.
func TestTimeJumps(t *testing.T) {
	d := newDrive(Limits{MaxTempC: 85})
	d.step(3, at(87))
	d.at = d.at.Add(time.Hour)
	if got := d.step(2, at(87)); got != Everything {
		t.Errorf("hot before and after an hour's sleep: %v", got)
	}
	r := at(87)
	r.At = d.at
	for range 100 {
		if level, changed, _ := d.g.Step(r); changed {
			t.Fatalf("%v without time going by", level)
		}
	}
}
