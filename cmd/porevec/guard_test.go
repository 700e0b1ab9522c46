package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/power"
)

// What a level of work means to a live run, and to a replay; and that every change is
// said once, with its reason.
func TestGuard(t *testing.T) {
	for _, live := range []bool{true, false} {
		var log bytes.Buffer
		f := guardFlags{maxTemp: 80}
		g := f.newGuard(live, slog.New(slog.NewTextHandler(&log, nil)))
		defer g.close()
		at := time.Now()
		var seen []pipeline.Limit
		heat := func(c float64, seconds int) {
			for range seconds {
				at = at.Add(time.Second)
				if level, changed := g.step(power.Reading{At: at, Hottest: &power.Temperature{Part: "processor", TempC: c}}); changed {
					seen = append(seen, g.limit(level))
				}
			}
		}
		heat(82, 60)
		if n := int(power.SmallWindow); len(seen) != n {
			t.Fatalf("live %v: %d changes, want %d", live, len(seen), n)
		}
		last := seen[len(seen)-1]
		if live && (!last.ShortWindow || last.Segment.Chunks != 1 || !last.Segment.NoOverlap || last.Pause != 0) {
			t.Errorf("live, hot for a minute: %+v", last)
		}
		if !live && (last.ShortWindow || last.Segment.Chunks != 0 || last.Pause <= seen[0].Pause) {
			t.Errorf("replay, hot for a minute: %+v", last)
		}
		heat(40, 3600)
		if seen[len(seen)-1] != (pipeline.Limit{}) || g.status().Level != power.Everything {
			t.Errorf("live %v, cool for an hour: %+v", live, seen[len(seen)-1])
		}
		if n := strings.Count(log.String(), "nothing is left to leave out"); n != 1 {
			t.Errorf("live %v: told %d times that nothing helps", live, n)
		}
		if n := strings.Count(log.String(), "processor at "); n != len(seen) || g.status().LevelChanges != n {
			t.Errorf("live %v: %d changes, %d told:\n%s", live, len(seen), n, &log)
		}
	}
}

// A limit of memory needs no sensor, whatever this computer has.
func TestGuardOfMemoryAlone(t *testing.T) {
	var log bytes.Buffer
	f := guardFlags{maxMemory: 1e9}
	g := f.newGuard(true, slog.New(slog.NewTextHandler(&log, nil)))
	defer g.close()
	if text := log.String(); strings.Contains(text, "watts") || strings.Contains(text, "temperature") {
		t.Errorf("told:\n%s", text)
	}
}

// Energy says what it is of.
func TestEnergyNamesItsParts(t *testing.T) {
	told := power.Reading{Joules: 34, WattsOf: []power.Draw{{Of: "package-0"}, {Of: "GPU 0"}}}
	res := newResult(pipeline.Report{})
	res.Energy = energyOf(told, &pipeline.Report{Samples: 2e6, Reads: 10})
	var out bytes.Buffer
	if err := res.print(&out); err != nil || !strings.Contains(out.String(), "34 J (package-0 + GPU 0): 17.00 J per million samples, 3.40 J per read") {
		t.Errorf("%v:\n%s", err, &out)
	}
	if e := energyOf(power.Reading{}, &pipeline.Report{}); e != nil {
		t.Errorf("of a computer that does not tell: %+v", e)
	}
}

// Under a limit that is always exceeded a live run gives ever less of each read, and
// says so.
func TestLimitedLive(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 21, Reads: 60, MeanBases: 4000}); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, path, "--channels", "8", "--speed", "4x")
	// The program has more memory than that from its start.
	r := runProgram(t, "live", "--host", s.host(), "--ca", s.CA, "--runs", "1", "--store", t.TempDir(), "--json", "--max-memory", "100MB").want(t, 0)
	res := r.result(t)
	if res.SamplesSkipped["limited"] == 0 || res.LevelChanges < 3 || !strings.Contains(r.stderr, "embedding only the first 4 chunks of each read") {
		t.Errorf("%+v\n%s", res, r.stderr)
	}
}
