package power

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

//go:embed testdata/fanless-laptop.csv
var afternoon string

// moment is what the surroundings of the computer are from a time on.
type moment struct{ seconds, ambientC, otherWatts float64 }

func moments(t *testing.T) (list []moment) {
	t.Helper()
	for line := range strings.Lines(afternoon) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var x [3]float64
		for i, word := range strings.Split(strings.TrimSpace(line), ",") {
			var err error
			if x[i], err = strconv.ParseFloat(word, 64); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, moment{x[0], x[1], x[2]})
	}
	return list
}

// between interpolates the ambient temperature; other programs start and end at once.
func between(list []moment, second float64) moment {
	for i := 1; i < len(list); i++ {
		if a, b := list[i-1], list[i]; second < b.seconds {
			return moment{second, a.ambientC + (b.ambientC-a.ambientC)*(second-a.seconds)/(b.seconds-a.seconds), a.otherWatts}
		}
	}
	return list[len(list)-1]
}

// load is the share of the work of embedding that each level leaves.
var load = map[Level]float64{Everything: 1, NoOverlap: 0.75, First8: 0.65, First4: 0.5, First2: 0.35, First1: 0.22, SmallWindow: 0.15}

// A laptop without a fan: 2 W idle and 9 W of embedding heat a chip of 15 J/°C, which
// gives 1.2 W/°C to a case of 400 J/°C, and that 0.28 W/°C to the air.
const (
	idleWatts, embedWatts = 2, 9
	chipJPerC, caseJPerC  = 15, 400
	toCaseWPerC, toAirWPC = 1.2, 0.28
)

type outcome struct {
	hottestC, mostWatts float64
	secondsAbove        int // the limit, with eyes open
	changes             int
	last                Level
	work                float64 // share of all
}

// replay runs the afternoon. Without a governor everything is embedded.
func replay(t *testing.T, limits Limits, governed bool, sensor func(second int) bool) (o outcome) {
	t.Helper()
	list := moments(t)
	end := int(list[len(list)-1].seconds)
	g := NewGovernor(limits)
	chip, box := list[0].ambientC, list[0].ambientC
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for second := range end {
		m := between(list, float64(second))
		level := Everything
		if governed {
			level = g.Level()
		}
		watts := idleWatts + m.otherWatts + embedWatts*load[level]
		chip += (watts - toCaseWPerC*(chip-box)) / chipJPerC
		box += (toCaseWPerC*(chip-box) - toAirWPC*(box-m.ambientC)) / caseJPerC
		o.work += load[level] / float64(end)
		o.hottestC, o.mostWatts = max(o.hottestC, chip), max(o.mostWatts, watts)
		if sensor(second) && limits.MaxTempC > 0 && chip > limits.MaxTempC || limits.MaxWatts > 0 && watts > limits.MaxWatts {
			o.secondsAbove++
		}
		r := Reading{At: begin.Add(time.Duration(second) * time.Second), Watts: &watts}
		if sensor(second) {
			r.Hottest = &Temperature{Part: processor, TempC: math.Round(chip)}
		} else {
			r.TempsLost = []string{"coretemp"}
		}
		before := g.Level()
		now, changed, why := g.Step(r)
		if changed != (now != before) || changed != (why != "") || now > before+1 || now < before-1 {
			t.Fatalf("after %d s from %v to %v, changed %v, because %q", second, before, now, changed, why)
		}
		if changed {
			o.changes++
		}
	}
	o.last = g.Level()
	return o
}

func TestStress(t *testing.T) {
	always := func(int) bool { return true }
	for _, c := range []struct {
		name   string
		limits Limits
		sensor func(int) bool
		least  float64 // share of the work that must be left
	}{
		{"80 °C", Limits{MaxTempC: 80}, always, 0.5},
		{"14 W", Limits{MaxWatts: 14}, always, 0.5},
		{"80 °C, the sensor is away for ten minutes in the heat", Limits{MaxTempC: 80}, func(second int) bool { return second < 3000 || second > 3600 }, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			free := replay(t, c.limits, false, always)
			if free.secondsAbove < 300 {
				t.Fatalf("without a governor %d s above the limit: this finds nothing", free.secondsAbove)
			}
			kept := replay(t, c.limits, true, c.sensor)
			t.Logf("without: at most %.1f °C and %.1f W, %d s above the limit; with: %.1f °C, %.1f W, %d s, %d changes in 2.5 h, %.0f %% of the work, at the end %v",
				free.hottestC, free.mostWatts, free.secondsAbove, kept.hottestC, kept.mostWatts, kept.secondsAbove, kept.changes, 100*kept.work, kept.last)
			if c.limits.MaxTempC > 0 && kept.hottestC > c.limits.MaxTempC+steepC+1 || kept.secondsAbove > free.secondsAbove/8 {
				t.Error("the limit is not kept")
			}
			if kept.changes > 60 {
				t.Error("it flaps")
			}
			if kept.last != Everything || kept.work < c.least {
				t.Error("it gives too little back")
			}
		})
	}
}
