package power

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is a driver whose calls hang while hold is full.
type hanging struct {
	rack
	hold chan struct{}
}

func (h *hanging) read() []GPU {
	h.hold <- struct{}{}
	<-h.hold
	return h.rack.read()
}

func newHanging() *hanging {
	return &hanging{rack{{Name: "A", Driver: "1", Watts: new(50.), TempC: new(60.)}}, make(chan struct{}, 1)}
}

// A driver takes its time to open, which is not counted, and then hangs for a minute: one
// reading waits for it, none makes up a number, and it is told once.
func TestCardsGoSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c, driver := server(), newHanging()
		m := open(c, slog.New(slog.NewTextHandler(&log, nil)), func() (cards, error) {
			time.Sleep(openPatience / 2)
			return driver, nil
		})
		defer m.Close()
		uj := 1_000_000
		next := func() (Reading, time.Duration) {
			time.Sleep(time.Second)
			uj += 1e6
			c.set(map[string]string{"sys/class/powercap/intel-rapl:0/energy_uj": strconv.Itoa(uj)})
			begin := time.Now()
			return m.Read(), time.Since(begin)
		}
		if r, took := next(); r.Watts == nil || *r.Watts != 51 || took != 0 {
			t.Fatalf("before: %+v in %v", r, took)
		}
		driver.hold <- struct{}{}
		for i := range 60 {
			r, took := next()
			if r.Watts != nil || r.WattsOf[0].Watts == nil || r.Hottest != nil || len(r.TempsLost) != 1 || r.GPUs[0].Name != "A" || r.GPUs[0].Watts != nil {
				t.Errorf("silent: %+v", r)
			}
			if want := map[int]time.Duration{0: readPatience}[i]; took != want {
				t.Errorf("reading %d waits %v, want %v", i, took, want)
			}
			if notes := m.Notes(); len(notes) != 1 || !has(notes, "the NVIDIA driver does not answer") {
				t.Errorf("notes %q", notes)
			}
		}
		<-driver.hold
		synctest.Wait()
		if r, _ := next(); r.Watts == nil || *r.Watts != 51 || r.Hottest == nil || len(r.TempsLost) != 0 || r.Joules != 102 || len(m.Notes()) != 0 {
			t.Errorf("after: %+v, %q", r, m.Notes())
		}
		if text := log.String(); strings.Count(text, "\n") != 2 || strings.Count(text, "do not answer any more") != 1 || !strings.Contains(text, "answer again") {
			t.Errorf("log:\n%s", text)
		}
	})
}

// What a card's counter counted while it was silent is not that of one second.
func TestCounterAfterSilence(t *testing.T) {
	gpus := []GPU{{millijoules: new(uint64(1000))}}
	p := cardPart(0, func() []GPU { return gpus })
	p.joules(0)
	gpus = []GPU{{}}
	if _, ok := p.joules(1); ok {
		t.Error("silent, and known")
	}
	gpus = []GPU{{millijoules: new(uint64(900_000))}}
	if j, ok := p.joules(1); ok {
		t.Errorf("%g J in a second", j)
	}
}

// An end waits a bounded time for a driver that hangs.
func TestCloseWhileSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		driver := newHanging()
		m := open(server(), slog.New(slog.NewTextHandler(&log, nil)), func() (cards, error) { return driver, nil })
		driver.hold <- struct{}{}
		m.Read()
		begin := time.Now()
		m.Close()
		if took := time.Since(begin); took != readPatience || !strings.Contains(log.String(), "left behind") {
			t.Errorf("took %v:\n%s", took, &log)
		}
		<-driver.hold
		<-m.cards.ended // it goes when its call is over
	})
}

// A driver hangs from its first call on: the meter opens without it, and does not take
// the processor's watts for the sum.
func TestDriverHangsAtFirst(t *testing.T) {
	for _, where := range []string{"open", "read"} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			c, driver, begin := server(), newHanging(), time.Now()
			driver.hold <- struct{}{}
			m := open(c, slog.New(slog.NewTextHandler(&log, nil)), func() (cards, error) {
				if where == "open" {
					driver.read()
				}
				return driver, nil
			})
			if took := time.Since(begin); took != openPatience || !has(m.NotesFor(Limits{MaxWatts: 1}), "the NVIDIA driver does not answer") ||
				!strings.Contains(log.String(), "does not answer") {
				t.Errorf("%s: took %v, %q:\n%s", where, took, m.Notes(), &log)
			}
			time.Sleep(time.Second)
			c.set(map[string]string{"sys/class/powercap/intel-rapl:0/energy_uj": "2000000"})
			if r := m.Read(); r.Watts != nil || len(r.WattsOf) != 2 || r.WattsOf[0].Watts == nil {
				t.Errorf("%s: %+v", where, r)
			}
			m.Close()
			<-driver.hold // the goroutine ends, or synctest says that it does not
		})
	}
}
