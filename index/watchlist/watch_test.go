package watchlist_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/index/watchlist"
	"github.com/porevec/porevec/signal"
)

var (
	index = []string{"NC_003143.1", "pMT1", "NC_003945.2", "chr1"}
	run1  = &signal.Run{AcquisitionID: "run1", SampleRateHz: 5000}
	run2  = &signal.Run{AcquisitionID: "run2", SampleRateHz: 4000}
)

// read is a called read whose answer is known at a time of sequencing.
func read(n int, target string, probability, seconds float64) *search.Answer {
	return &search.Answer{
		Run: run1, ReadID: signal.ReadID{14: byte(n >> 8), 15: byte(n)}, ReadStart: uint64(seconds*5000) - 4000, Samples: 4000,
		Place: search.Place{Target: target}, Found: true, Called: true, Final: true, TargetProbability: probability, LeadNats: 5,
	}
}

func watch(t testing.TB, list string) *watchlist.Watch {
	t.Helper()
	w, err := watchlist.NewWatch(mustLoad(t, list), index)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// lines are the alerts of the answers, one after another.
func lines(w *watchlist.Watch, answers ...*search.Answer) []string {
	var out []string
	for i, a := range answers {
		for _, alert := range w.Add(a) {
			out = append(out, fmt.Sprintf("%d: %s", i, alert))
		}
	}
	return out
}

func TestAlerts(t *testing.T) {
	const plague, anthrax = "NC_003143.1", "NC_003945.2"
	notFinal, notFound, repeated := read(9, anthrax, 1, 1), read(9, anthrax, 1, 1), read(1, anthrax, 0.995, 2)
	notFinal.Final, notFound.Found = false, false
	repeated.Called, repeated.Probability, repeated.LeadNats = false, 0.2, 0 // its place is one of several on the target
	other := read(4, plague, 0.99, 90)
	other.Run = run2
	nobody := read(5, anthrax, 0.995, 3)
	nobody.Run = nil
	for _, c := range []struct {
		name    string
		answers []*search.Answer
		want    []string
	}{
		{"none", []*search.Answer{notFinal, notFound, read(1, "chr1", 1, 2), read(2, anthrax, 0.98, 3), read(3, anthrax, math.NaN(), 4), read(4, "no such", 1, 5)}, nil},
		{"one is enough, and rings once", []*search.Answer{repeated, read(2, anthrax, 1, 3)},
			[]string{"0: ALERT Bacillus anthracis: 1 read (NC_003945.2 ×1), 2.0 s of sequencing"}},
		{"count", []*search.Answer{read(1, plague, 0.99, 10), read(2, plague, 0.5, 20), read(3, "pMT1", 0.99, 41.24)}, // any: 0.9999
			[]string{"2: ALERT Yersinia pestis: 2 reads (NC_003143.1 ×1, pMT1 ×1), 41.2 s of sequencing; call the duty officer"}},
		{"any", []*search.Answer{read(1, plague, 0.9991, 10)},
			[]string{"0: ALERT Yersinia pestis: 1 read (NC_003143.1 ×1), 10.0 s of sequencing; call the duty officer"}},
		{"a read once", []*search.Answer{read(1, plague, 0.99, 10), read(1, plague, 0.99, 11), read(1, "pMT1", 0.99, 12)}, nil},
		{"runs apart", []*search.Answer{read(1, plague, 0.99, 10), other, read(2, plague, 0.99, 11)},
			[]string{"2: ALERT Yersinia pestis: 2 reads (NC_003143.1 ×2), 11.0 s of sequencing; call the duty officer"}},
		{"no run, no time", []*search.Answer{nobody}, []string{"0: ALERT Bacillus anthracis: 1 read (NC_003945.2 ×1)"}},
	} {
		if diff := cmp.Diff(c.want, lines(watch(t, pathogens), c.answers...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// The rule of three reads alone, with any out of the way.
func TestAlertOnCount(t *testing.T) {
	w := watch(t, strings.Replace(pathogens, "any = 0.999", "", 1))
	got := lines(w, read(1, "NC_003143.1", 0.99, 10), read(2, "pMT1", 0.99, 20), read(3, "pMT1", 1, 30), read(4, "pMT1", 1, 40))
	want := []string{"2: ALERT Yersinia pestis: 3 reads (pMT1 ×2, NC_003143.1 ×1), 30.0 s of sequencing; call the duty officer"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// With any alone, one read is not enough by its mere number.
func TestAnyWithoutReads(t *testing.T) {
	w := watch(t, "[[group]]\nname='a'\ntargets=['pMT1']\nany=0.9999")
	got := lines(w, read(1, "pMT1", 0.99, 10), read(2, "pMT1", 0.995, 20), read(3, "pMT1", 1, 30))
	if diff := cmp.Diff([]string{"1: ALERT a: 2 reads (pMT1 ×2), 20.0 s of sequencing"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTwoGroupsOnOneTarget(t *testing.T) {
	w := watch(t, "[[group]]\nname='b'\ntargets=['pMT1','p*']\n[[group]]\nname='a'\ntargets=['*1']")
	want := []string{
		"0: ALERT b: 1 read (pMT1 ×1), 10.0 s of sequencing",
		"0: ALERT a: 1 read (pMT1 ×1), 10.0 s of sequencing",
	}
	if diff := cmp.Diff(want, lines(w, read(1, "pMT1", 1, 10))); diff != "" {
		t.Error(diff)
	}
}

// A replay goes in the order of files: the time is that of the reads, not of their coming.
func TestResultIsInOrderOfTime(t *testing.T) {
	w := watch(t, "[[group]]\nname='a'\ntargets=['pMT1']\nreads=2\n[[group]]\nname='silent'\ntargets=['chr1']\nreads=2\nmessage='m'")
	got := lines(w, read(1, "pMT1", 0.999, 100), read(2, "pMT1", 0.999, 50), read(3, "pMT1", 0.9999999999, 20), read(4, "pMT1", 1, 70), read(5, "chr1", 0.75, 1), read(6, "chr1", 1, 5))
	if diff := cmp.Diff([]string{"1: ALERT a: 2 reads (pMT1 ×2), 100.0 s of sequencing"}, got); diff != "" {
		t.Error(diff)
	}
	other := read(1, "pMT1", 0.5, 1)
	other.Run = run2
	w.Add(other)
	object, err := json.Marshal(w.Result())
	if err != nil {
		t.Fatal(err)
	}
	const ids = "00000000-0000-0000-0000-00000000000"
	want := `[{"raised":true,"alert":{"run":"run1","group":"a","message":"","reads":4,"probability":1,"targets":[{"target":"pMT1","reads":4}],"seconds":50,"read_ids":["` +
		ids + `1","` + ids + `2","` + ids + `3","` + ids + `4"]}},` +
		`{"raised":false,"alert":{"run":"run1","group":"silent","message":"m","reads":1,"probability":1,"targets":[{"target":"chr1","reads":1}],"seconds":0,"read_ids":["` + ids + `6"]}},` +
		`{"raised":false,"alert":{"run":"run2","group":"a","message":"","reads":0,"probability":0,"targets":[],"seconds":0,"read_ids":[]}},` +
		`{"raised":false,"alert":{"run":"run2","group":"silent","message":"m","reads":0,"probability":0,"targets":[],"seconds":0,"read_ids":[]}}]`
	if diff := cmp.Diff(want, string(object)); diff != "" {
		t.Error(diff)
	}
	if got := watch(t, pathogens).Result(); len(got) != 0 {
		t.Errorf("without answers: %v", got)
	}
}

func TestProbabilityThatAnyIsRight(t *testing.T) {
	w := watch(t, "[[group]]\nname='a'\ntargets=['pMT1']\nprobability=0.5\nreads=9\nany=0.97")
	for i, c := range []struct{ read, any float64 }{{0.5, 0.5}, {0.8, 0.9}, {0.6, 0.96}, {0.5, 0.98}, {math.Inf(1), 1}} {
		alerts := w.Add(read(i, "pMT1", c.read, float64(i+1)))
		if got := w.Result()[0].Alert.Probability; math.Abs(got-c.any) > 1e-12 {
			t.Errorf("after %d reads: %v, want %v", i+1, got, c.any)
		}
		if (len(alerts) == 1) != (c.any == 0.98) {
			t.Errorf("after %d reads: %v", i+1, alerts)
		}
	}
}

// Whatever the order in which reads come, the result is that of a replay in the
// order of time, where the alert comes when it is due.
func TestAnyOrderGivesTheSameTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		list := fmt.Sprintf("[[group]]\nname='a'\ntargets=['pMT1']\nprobability=0.1\nreads=%d\nany=%v", 1+random.IntN(12), 0.5+random.Float64()/2)
		var answers []*search.Answer
		for i := range 1 + random.IntN(20) {
			answers = append(answers, read(i, "pMT1", random.Float64(), 1+float64(random.IntN(30))))
		}
		bySeconds := slices.Clone(answers)
		slices.SortFunc(bySeconds, func(a, b *search.Answer) int { return int(a.Seconds() - b.Seconds()) })
		inOrder, shuffled := watch(t, list), watch(t, list)
		due := 0.0
		for _, a := range bySeconds {
			for _, alert := range inOrder.Add(a) {
				due = alert.Seconds
				if due != a.Seconds() {
					t.Fatalf("alert of %v s at %v s", due, a.Seconds())
				}
			}
		}
		raised := lines(shuffled, answers...)
		got := shuffled.Result()[0]
		if got.Alert.Seconds != due || got.Raised != (due > 0) || len(raised) > 1 || (len(raised) == 1) != got.Raised {
			t.Fatalf("%s: raised %v at %v s, due at %v s; alerts %q", list, got.Raised, got.Alert.Seconds, due, raised)
		}
	}
}

func TestIdsAreBounded(t *testing.T) {
	w := watch(t, "[[group]]\nname='a'\ntargets=['pMT1']\nreads=150")
	for i := range 500 {
		for _, alert := range w.Add(read(i, "pMT1", 0.99, float64(1000-i))) {
			if len(alert.ReadIDs) != 100 || alert.Reads != 150 || i != 149 || alert.ReadIDs[99] != read(99, "", 0, 1).ReadID.String() {
				t.Errorf("after %d: %d ids of %d reads", i, len(alert.ReadIDs), alert.Reads)
			}
		}
	}
	if got := w.Result()[0]; got.Alert.Reads != 500 || len(got.Alert.ReadIDs) != 100 || got.Alert.Seconds != 650 {
		t.Errorf("%d ids of %d reads, %v s", len(got.Alert.ReadIDs), got.Alert.Reads, got.Alert.Seconds)
	}
}

func TestAlertStaysOneLine(t *testing.T) {
	a := &watchlist.Alert{Group: "a\nb", Message: "c\r\n\x1b[31md\u2028", Reads: 7}
	for i := range 7 {
		a.Targets = append(a.Targets, watchlist.TargetReads{Target: fmt.Sprintf("t\t%d", i), Reads: 1})
	}
	const want = "ALERT a b: 7 reads (t 0 ×1, t 1 ×1, t 2 ×1, t 3 ×1, t 4 ×1 and 2 more targets); c   [31md"
	if got := a.String(); got != want {
		t.Errorf("got %q", got)
	}
}

// FuzzLoad loads whatever it is given; what loads must ring, and in one line.
func FuzzLoad(f *testing.F) {
	f.Add(pathogens)
	f.Add("[[group]]\nname=\"a\\nb\"\ntargets=['*']\nmessage=\"\\u001b\\u2028\"")
	f.Add("[[group]]\nname='a'\ntargets=['?*']\nany=nan\nreads=99999999999999999999")
	f.Add("group=[{name='a',targets=['*'],x={y=1}},3]")
	f.Add("[[group]]\n[[group.targets]]\n[x.y]")
	f.Fuzz(func(t *testing.T, text string) {
		list, problem := load(t, text)
		if (list == nil) != (problem != "") {
			t.Fatalf("list %v, error %q", list, problem)
		}
		if list == nil {
			return
		}
		w, err := watchlist.NewWatch(list, []string{"pMT1", "\xff"})
		if err != nil {
			return
		}
		for i, target := range []string{"pMT1", "\xff", "pMT1"} {
			for _, alert := range w.Add(read(i, target, 1, float64(i+1))) {
				line := alert.String()
				if !strings.HasPrefix(line, "ALERT ") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q", line)
				}
				if _, err := json.Marshal(alert); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
