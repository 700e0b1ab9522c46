package power

import (
	"encoding/csv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var begin = time.Date(2025, 6, 1, 8, 0, 0, 0, time.UTC)

// machine is a computer as heat knows it: a chip on a heat sink in the air.
type machine struct {
	idleW             float64
	sinkJperC, sinkC  float64 // heat that the sink holds, and how warm it is
	sinkCperW, chipCW float64 // from sink to air, and from chip to sink
	throttles         float64 // °C at which the hardware helps itself
	rng               *rand.Rand
}

// share is what a level leaves of the work.
var share = [...]float64{1, 0.8, 0.6, 0.4, 0.25, 0.15, 0.12}

// second lets one pass, and tells the watts, the chip's temperature and whether the
// hardware throttled. Both values jump, as those of turbo clocks do.
func (m *machine) second(work, airC float64, l Level) (watts, tempC float64, throttled bool) {
	watts = m.idleW + max(0, work-m.idleW)*share[l]*(1+0.1*m.rng.NormFloat64())
	if m.sinkC+watts*m.chipCW >= m.throttles {
		watts, throttled = m.idleW+(watts-m.idleW)*0.7, true
	}
	m.sinkC += (watts - (m.sinkC-airC)/m.sinkCperW) / m.sinkJperC
	return watts, m.sinkC + watts*m.chipCW, throttled
}

func fanlessLaptop() *machine {
	return &machine{idleW: 3, sinkJperC: 60, sinkC: 24, sinkCperW: 2.4, chipCW: 0.7, throttles: 97, rng: rand.New(rand.NewPCG(1, 2))}
}

func tower() *machine {
	return &machine{idleW: 35, sinkJperC: 400, sinkC: 20, sinkCperW: 0.2, chipCW: 0.2, throttles: 97, rng: rand.New(rand.NewPCG(3, 4))}
}

// row is one line of a table: what holds from a second on.
type row struct {
	second      int
	watts, airC float64
	tells       string
}

func table(t *testing.T, path string) []row {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.Comment = '#'
	all, err := lines.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, line := range all[1:] {
		var n [3]float64
		for i := range n {
			if n[i], err = strconv.ParseFloat(line[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, row{int(n[0]), n[1], n[2], line[3]})
	}
	return rows
}

// moment is one second of a replay.
type moment struct {
	second             int
	level              Level
	watts, tempC       float64
	changed, throttled bool
	tells              string
}

// run lets the machine live through the table, governed.
func run(t *testing.T, rows []row, m *machine, limits Limits) []moment {
	g := NewGovernor(limits)
	var all []moment
	level := Everything
	for i := range rows[:len(rows)-1] {
		for s := rows[i].second; s < rows[i+1].second; s++ {
			watts, tempC, throttled := m.second(rows[i].watts, rows[i].airC, level)
			r := Reading{At: begin.Add(time.Duration(s) * time.Second), ThrottledByHeat: throttled}
			if strings.Contains(rows[i].tells, "temp") {
				r.Hottest = &Temperature{Part: processor, TempC: tempC}
			}
			if strings.Contains(rows[i].tells, "watts") {
				r.Watts = &watts
			}
			next, changed, why := g.Step(r)
			if changed != (next != level) || changed != (why != "") || next-level > 1 || level-next > 1 {
				t.Fatalf("second %d: from %v to %v, changed %v, %q", s, level, next, changed, why)
			}
			if changed {
				t.Logf("%5d s  %4.1f W  %v: %s", s, watts, next, why)
			}
			level = next
			all = append(all, moment{s, level, watts, tempC, changed, throttled, rows[i].tells})
		}
	}
	return all
}

func changes(all []moment) (n int) {
	for _, m := range all {
		if m.changed {
			n++
		}
	}
	return n
}

// means are those of the watts of half a minute each.
func means(all []moment) (most float64) {
	for i := 0; i+30 <= len(all); i += 30 {
		sum := 0.
		for _, m := range all[i : i+30] {
			sum += m.watts / 30
		}
		most = max(most, sum)
	}
	return most
}

// Ungoverned, the laptop throttles. Governed it does not, stays near its limit, does not
// swing between levels, and does everything again when it is cool.
func TestFanlessLaptop(t *testing.T) {
	rows := table(t, "testdata/fanless.csv")
	throttled := 0
	for _, m := range run(t, rows, fanlessLaptop(), Limits{}) {
		if m.throttled {
			throttled++
		}
	}
	if throttled < 600 {
		t.Errorf("the table is too cool: throttled for %d s without a limit", throttled)
	}
	all := run(t, rows, fanlessLaptop(), Limits{MaxTempC: 85})
	above := 0
	for _, m := range all {
		if m.throttled || m.tempC > 85+steepC+3 {
			t.Errorf("second %d: %.1f °C, throttled %v", m.second, m.tempC, m.throttled)
		}
		if m.tempC > 85 {
			above++
		}
	}
	if above > len(all)/20 {
		t.Errorf("above the limit for %d of %d s", above, len(all))
	}
	if n := changes(all); n > 24 {
		t.Errorf("%d changes", n)
	}
	if last := all[len(all)-1]; last.level != Everything {
		t.Errorf("cool again at %v", last.level)
	}
}

// Bursts of two seconds are let pass, a cap of watts is held.
func TestPowerCap(t *testing.T) {
	all := run(t, table(t, "testdata/generator.csv"), tower(), Limits{MaxWatts: 80})
	for _, m := range all[:120] {
		if m.changed {
			t.Errorf("second %d: a burst takes a level", m.second)
		}
	}
	if most := means(all[150:]); most > 80 {
		t.Errorf("%.1f W in half a minute", most)
	}
	if n := changes(all); n > 12 {
		t.Errorf("%d changes", n)
	}
	if last := all[len(all)-1]; last.level != Everything {
		t.Errorf("at the end at %v", last.level)
	}
}

// A sensor that goes moves nothing by itself: what the others tell may take a level,
// and none is given back before all are back.
func TestSensorsThatVanish(t *testing.T) {
	all := run(t, table(t, "testdata/vanishing.csv"), fanlessLaptop(), Limits{MaxTempC: 80, MaxWatts: 25})
	before := all[599].level
	if before == Everything {
		t.Fatal("no limit was exceeded before")
	}
	for i, m := range all[600:] {
		previous := all[600+i-1].level
		if m.tells != "temp watts" && m.level < previous {
			t.Errorf("second %d: %v after %v with %q", m.second, m.level, previous, m.tells)
		}
		if m.tells == "none" && m.changed {
			t.Errorf("second %d: %v, blind", m.second, m.level)
		}
	}
	if last := all[len(all)-1]; last.level != Everything {
		t.Errorf("cool and with its sensors at %v", last.level)
	}
}

// step is a second of a script: values of 0 are not told.
type step struct {
	tempC, watts float64
	memory       uint64
	heat         bool
	lost         []string
}

// steps runs a script at one step a second, and lists the changes with their seconds.
func steps(g *Governor, script ...step) (said []string) {
	for i, s := range script {
		r := Reading{At: begin.Add(time.Duration(i) * time.Second), ResidentBytes: s.memory, ThrottledByHeat: s.heat, TempsLost: s.lost}
		if s.heat {
			r.Throttled = []string{"processor: package too hot"}
		}
		if s.tempC > 0 {
			r.Hottest = &Temperature{Part: processor, TempC: s.tempC}
		}
		if s.watts > 0 {
			r.Watts = &s.watts
		}
		if level, changed, why := g.Step(r); changed {
			said = append(said, strconv.Itoa(i)+" s: "+why+": "+level.Does())
		}
	}
	return said
}

func times(n int, s step) []step {
	all := make([]step, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestSteps(t *testing.T) {
	join := func(parts ...[]step) (all []step) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, test := range map[string]struct {
		limits  Limits
		without []Level
		script  []step
		want    []string
	}{
		"no limits": {Limits{}, nil, times(60, step{tempC: 120, watts: 900, memory: 1 << 40, heat: true}), nil},
		"a little too hot": {Limits{MaxTempC: 85}, nil, times(11, step{tempC: 87}), []string{
			"5 s: processor at 87 °C, limit 85 °C: embedding no overlapping chunks",
			"10 s: processor at 87 °C, limit 85 °C: embedding only the first 8 chunks of each read",
		}},
		"much too hot": {Limits{MaxTempC: 85}, []Level{NoOverlap, First8}, times(4, step{tempC: 91.26}), []string{
			"1 s: processor at 91.3 °C, limit 85 °C: embedding only the first 4 chunks of each read",
			"2 s: processor at 91.3 °C, limit 85 °C: embedding only the first 2 chunks of each read",
			"3 s: processor at 91.3 °C, limit 85 °C: embedding only the first chunk of each read",
		}},
		"throttled below the limit, to the last level": {Limits{MaxTempC: 85}, []Level{NoOverlap, First8, First4, First2, First1}, times(30, step{tempC: 80, heat: true}), []string{
			"1 s: the hardware throttles itself for heat (processor: package too hot): embedding only the first chunk of each read, in the shortest window",
		}},
		"throttled, no sensor": {Limits{MaxTempC: 85}, nil, times(2, step{heat: true}), []string{
			"1 s: the hardware throttles itself for heat (processor: package too hot): embedding no overlapping chunks",
		}},
		"a spike": {Limits{MaxTempC: 85}, nil, join(times(9, step{tempC: 70}), times(1, step{tempC: 99}), times(60, step{tempC: 70})), nil},
		"watts and back": {Limits{MaxWatts: 30}, nil, join(times(6, step{watts: 31.5}), times(60, step{watts: 20})), []string{
			"3 s: 31.5 W, limit 30 W: embedding no overlapping chunks",
			"37 s: 20 W, limit 30 W: embedding everything",
		}},
		"within the margin": {Limits{MaxWatts: 30}, nil, join(times(4, step{watts: 31}), times(200, step{watts: 28})), []string{
			"3 s: 31 W, limit 30 W: embedding no overlapping chunks",
		}},
		"memory": {Limits{MaxMemoryBytes: 3e9}, nil, join(times(6, step{memory: 31e8}), times(40, step{memory: 2e9})), []string{
			"0 s: 3.10 GB of memory, limit 3.00 GB: embedding no overlapping chunks",
			"5 s: 3.10 GB of memory, limit 3.00 GB: embedding only the first 8 chunks of each read",
			"36 s: 2.00 GB of memory, limit 3.00 GB: embedding no overlapping chunks",
		}},
		"a limit that cannot be known holds nothing back": {Limits{MaxTempC: 85, MaxMemoryBytes: 3e9}, nil, join(times(1, step{memory: 31e8}), times(40, step{memory: 2e9})), []string{
			"0 s: 3.10 GB of memory, limit 3.00 GB: embedding no overlapping chunks",
			"31 s: 2.00 GB of memory, limit 3.00 GB: embedding everything",
		}},
		"one of two sensors lost": {Limits{MaxTempC: 85}, nil, join(times(6, step{tempC: 88}), times(200, step{tempC: 50, lost: []string{"GPU 0"}})), []string{
			"5 s: processor at 88 °C, limit 85 °C: embedding no overlapping chunks",
		}},
	} {
		if d := cmp.Diff(test.want, steps(NewGovernor(test.limits, test.without...), test.script...)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Work that is too hot with everything and cool with a level less would swing. Patience
// doubles each time, and is short again after a long quiet.
func TestPatienceGrows(t *testing.T) {
	g := NewGovernor(Limits{MaxTempC: 85})
	var gave []int
	swing := func(from, until int) {
		for s := from; s < until; s++ {
			temp := 88.
			if g.Level() > Everything {
				temp = 70
			}
			level, changed, _ := g.Step(Reading{At: begin.Add(time.Duration(s) * time.Second), Hottest: &Temperature{Part: processor, TempC: temp}})
			if changed && level == Everything {
				gave = append(gave, s)
			}
		}
	}
	swing(0, 3600)
	if len(gave) < 8 || len(gave) > 12 {
		t.Errorf("gave the level back at %v", gave)
	}
	for i := range gave[:5] {
		if i > 0 && gave[i]-gave[i-1] < 3*(gave[i-1]-append([]int{0}, gave...)[i-1])/2 {
			t.Errorf("patience does not grow: %v", gave)
		}
	}
}

// What was before a gap, or comes twice, does not count.
func TestGaps(t *testing.T) {
	g := NewGovernor(Limits{MaxTempC: 85})
	at := begin
	hot := func(after time.Duration) bool {
		at = at.Add(after)
		_, changed, _ := g.Step(Reading{At: at, Hottest: &Temperature{Part: processor, TempC: 87}})
		return changed
	}
	if hot(0) || hot(4*time.Second) || hot(0) || hot(-time.Minute) {
		t.Error("took a level too early")
	}
	at = at.Add(time.Minute)
	if hot(8 * time.Hour) {
		t.Error("took a level for a night that nobody saw")
	}
	if !hot(6 * time.Second) {
		t.Error("took no level")
	}
}

func TestLevelNames(t *testing.T) {
	var names []string
	for l := Everything; l <= SmallWindow+1; l++ {
		text, err := l.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, string(text)+" "+strconv.Itoa(l.Chunks()))
	}
	want := []string{"everything 0", "no_overlap 0", "first_8 8", "first_4 4", "first_2 2", "first_1 1", "small_window 1", "level_7 0"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
