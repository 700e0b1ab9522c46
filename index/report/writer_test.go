package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/porevec/porevec/index/report"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/signal"
)

var run = &signal.Run{AcquisitionID: "run1", SampleRateHz: 5000}

func id(n byte) signal.ReadID { return signal.ReadID{15: n} }

// called is a read of 12345 samples after 20000 others, with a place.
func called() *search.Answer {
	return &search.Answer{
		Run: run, ReadID: id(1), Channel: 126, ReadStart: 20000, Chunks: 3, Samples: 12345,
		Place: search.Place{Target: "NC_003143.1", TargetLength: 4653728, Start: 1000, End: 1900, Reverse: true},
		Found: true, Probability: 0.9996, TargetProbability: 0.9998, LeadNats: 7.8236, Called: true, Final: true, Spent: 1500 * time.Microsecond,
	}
}

// guessed has a place but is not called, nor final.
func guessed() *search.Answer {
	a := called()
	a.ReadID, a.Probability, a.LeadNats, a.Called, a.Final, a.Place.Reverse = id(2), 0.4, -0.25, false, false, false
	return a
}

func lost() *search.Answer {
	return &search.Answer{Run: run, ReadID: id(3), Channel: 1, Chunks: 1, Samples: 6096, Final: true, Spent: 1500 * time.Microsecond}
}

// strange has all that formats stumble over.
func strange() *search.Answer {
	a := called()
	a.Run = &signal.Run{AcquisitionID: "two\nlines"}
	a.ReadID, a.Place.Target = id(4), "a\tb\r\n\"c\" \u202eé \xff"
	a.Probability, a.TargetProbability, a.LeadNats = math.NaN(), math.NaN(), math.Inf(1)
	return a
}

func written(t *testing.T, format string, o report.Options, answers ...*search.Answer) string {
	t.Helper()
	var out bytes.Buffer
	w, err := report.New(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if err := w.Write(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const (
	header      = "read_id\trun\tchannel\ttarget\tstart\tend\tstrand\tprobability\ttarget_probability\tcalled\tfinal\tchunks\tsamples\tlead_nats\tread_seconds\tseconds\n"
	calledLine  = "00000000-0000-0000-0000-000000000001\trun1\t126\tNC_003143.1\t1000\t1900\t-\t0.999600\t0.999800\tyes\tyes\t3\t12345\t7.824\t2.469\t6.469\n"
	guessedLine = "00000000-0000-0000-0000-000000000002\trun1\t126\tNC_003143.1\t1000\t1900\t+\t0.400000\t0.999800\tno\tno\t3\t12345\t-0.250\t2.469\t6.469\n"
	lostLine    = "00000000-0000-0000-0000-000000000003\trun1\t1\t*\t*\t*\t*\t0.000000\t0.000000\tno\tyes\t1\t6096\t0.000\t1.219\t1.219\n"
	strangeLine = "00000000-0000-0000-0000-000000000004\ttwo lines\t126\ta b  \"c\"  é \ufffd\t1000\t1900\t-\tNaN\tNaN\tyes\tyes\t3\t12345\t+Inf\t0.000\t0.000\n"
)

func TestTSV(t *testing.T) {
	all := []*search.Answer{called(), guessed(), lost(), strange()}
	same(t, written(t, "tsv", report.Options{}), header)
	same(t, written(t, "tsv", report.Options{}, all...), header+calledLine+lostLine+strangeLine)
	same(t, written(t, "tsv", report.Options{EachChunk: true}, all...), header+calledLine+guessedLine+lostLine+strangeLine)
}

func TestNDJSON(t *testing.T) {
	const (
		calledLine  = `{"run":"run1","read_id":"00000000-0000-0000-0000-000000000001","channel":126,"read_start":20000,"chunks":3,"samples":12345,"target":"NC_003143.1","target_length":4653728,"start":1000,"end":1900,"strand":"-","probability":0.9996,"target_probability":0.9998,"lead_nats":7.8236,"called":true,"final":true,"read_seconds":2.469,"seconds":6.469}` + "\n"
		guessedLine = `{"run":"run1","read_id":"00000000-0000-0000-0000-000000000002","channel":126,"read_start":20000,"chunks":3,"samples":12345,"target":"NC_003143.1","target_length":4653728,"start":1000,"end":1900,"strand":"+","probability":0.4,"target_probability":0.9998,"lead_nats":-0.25,"called":false,"final":false,"read_seconds":2.469,"seconds":6.469}` + "\n"
		lostLine    = `{"run":"run1","read_id":"00000000-0000-0000-0000-000000000003","channel":1,"read_start":0,"chunks":1,"samples":6096,"target":null,"target_length":null,"start":null,"end":null,"strand":null,"probability":0,"target_probability":0,"lead_nats":0,"called":false,"final":true,"read_seconds":1.2192,"seconds":1.2192}` + "\n"
	)
	all := []*search.Answer{called(), guessed(), lost()}
	same(t, written(t, "ndjson", report.Options{}, all...), calledLine+lostLine)
	same(t, written(t, "ndjson", report.Options{EachChunk: true}, all...), calledLine+guessedLine+lostLine)
}

func TestJSONOfAnything(t *testing.T) {
	nobody := strange()
	nobody.Run, nobody.LeadNats = nil, math.Inf(-1)
	for _, a := range []*search.Answer{strange(), nobody} {
		got := report.AppendJSON([]byte("before"), a)
		object, ok := bytes.CutPrefix(got, []byte("before"))
		var fields map[string]any
		if err := json.Unmarshal(object, &fields); !ok || err != nil || bytes.ContainsAny(object, "\n\r\t") {
			t.Fatalf("%v: %s", err, got)
		}
		if fields["target"] != "a\tb\r\n\"c\" \u202eé \ufffd" || fields["probability"] != nil || fields["lead_nats"] != nil {
			t.Errorf("fields are %v", fields)
		}
	}
}

// nowhere claims to be called without a place.
func nowhere() *search.Answer {
	a := called()
	a.ReadID, a.Place, a.Found = id(5), search.Place{}, false
	return a
}

// entry is a line of PAF as scorers take it apart.
type entry struct {
	fields [12]string
	tags   string
}

func parsePAF(t *testing.T, text string) []entry {
	t.Helper()
	var out []entry
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 12 || len(words) != len(strings.Split(line, "\t")) {
			t.Fatalf("%d words: %q", len(words), line)
		}
		for i, word := range words[1:12] {
			if _, err := strconv.Atoi(word); err != nil && i != 3 && i != 4 {
				t.Errorf("column %d is %q", i+2, word)
			}
		}
		for _, tag := range words[12:] {
			parts := strings.Split(tag, ":")
			if len(parts) != 3 {
				t.Errorf("tag %q", tag)
			}
			if parts[1] == "f" {
				if f, err := strconv.ParseFloat(parts[2], 64); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
					t.Errorf("tag %q", tag)
				}
			}
		}
		out = append(out, entry{[12]string(words), strings.Join(words[12:], " ")})
	}
	return out
}

func TestPAF(t *testing.T) {
	sure, short := called(), called()
	sure.Probability, sure.Place.Reverse = 1, false
	short.Samples, short.Probability = 1000, 0.5 // all of it leader
	uncalled := guessed()
	uncalled.Final = true
	o := report.Options{SamplesPerBase: 12.5, LeaderSamples: 2000, EachChunk: true}
	got := parsePAF(t, written(t, "paf", o, called(), guessed(), sure, short, uncalled, lost(), strange(), nowhere()))
	want := []entry{
		{[12]string{id(1).String(), "988", "160", "988", "-", "NC_003143.1", "4653728", "1000", "1900", "900", "900", "34"},
			"tp:A:P ch:i:126 st:i:20000 ns:i:12345 nc:i:3 pr:f:0.999600 ld:f:7.824 mt:f:1.500"},
		{[12]string{id(1).String(), "988", "160", "988", "+", "NC_003143.1", "4653728", "1000", "1900", "900", "900", "60"},
			"tp:A:P ch:i:126 st:i:20000 ns:i:12345 nc:i:3 pr:f:1.000000 ld:f:7.824 mt:f:1.500"},
		{[12]string{id(1).String(), "80", "80", "80", "-", "NC_003143.1", "4653728", "1000", "1900", "450", "900", "3"},
			"tp:A:P ch:i:126 st:i:20000 ns:i:1000 nc:i:3 pr:f:0.500000 ld:f:7.824 mt:f:1.500"},
		{[12]string{id(2).String(), "988", "0", "0", "*", "*", "0", "0", "0", "0", "0", "0"},
			"ch:i:126 st:i:20000 ns:i:12345 nc:i:3 pr:f:0.400000 ld:f:-0.250 mt:f:1.500"},
		{[12]string{id(3).String(), "488", "0", "0", "*", "*", "0", "0", "0", "0", "0", "0"},
			"ch:i:1 st:i:0 ns:i:6096 nc:i:1 pr:f:0.000000 ld:f:0.000 mt:f:1.500"},
		{[12]string{id(4).String(), "988", "160", "988", "-", "a_b__\"c\"__é_\ufffd", "4653728", "1000", "1900", "0", "900", "255"},
			"tp:A:P ch:i:126 st:i:20000 ns:i:12345 nc:i:3 mt:f:1.500"},
		{[12]string{id(5).String(), "988", "0", "0", "*", "*", "0", "0", "0", "0", "0", "0"},
			"ch:i:126 st:i:20000 ns:i:12345 nc:i:3 pr:f:0.999600 ld:f:7.824 mt:f:1.500"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d is\n%v, want\n%v", i, got[i], want[i])
		}
	}
}

func TestPAFOfNamelessTarget(t *testing.T) {
	a := called()
	a.Place.Target = ""
	if got := parsePAF(t, written(t, "paf", report.Options{SamplesPerBase: 10}, a)); got[0].fields[5] != "_" {
		t.Errorf("got %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		format string
		o      report.Options
		want   string
	}{
		{"sam", report.Options{}, `format "sam": there are tsv, paf, ndjson`},
		{"paf", report.Options{}, "PAF needs the samples per base (0) and the leader (0 samples) of the encoder"},
		{"paf", report.Options{SamplesPerBase: math.NaN()}, "PAF needs the samples per base (NaN) and the leader (0 samples) of the encoder"},
		{"paf", report.Options{SamplesPerBase: 10, LeaderSamples: -1}, "PAF needs the samples per base (10) and the leader (-1 samples) of the encoder"},
	} {
		if _, err := report.New(c.format, nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("%q, %+v: %v, want %s", c.format, c.o, err, c.want)
		}
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsAreTold(t *testing.T) {
	for _, format := range report.Formats() {
		w, err := report.New(format, full{}, report.Options{SamplesPerBase: 10})
		if err != nil {
			t.Fatal(err)
		}
		var failed error
		for range 1000 {
			if failed = w.Write(called()); failed != nil {
				break
			}
		}
		if !errors.Is(failed, errFull) || !errors.Is(w.Flush(), errFull) {
			t.Errorf("%s: Write gave %v", format, failed)
		}
	}
}

func ExampleNew() {
	// Answers come from a search; this one was made up.
	w, err := report.New("paf", os.Stdout, report.Options{SamplesPerBase: 12.5, LeaderSamples: 2000})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := errors.Join(w.Write(called()), w.Flush()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 00000000-0000-0000-0000-000000000001	988	160	988	-	NC_003143.1	4653728	1000	1900	900	900	34	tp:A:P	ch:i:126	st:i:20000	ns:i:12345	nc:i:3	pr:f:0.999600	ld:f:7.824	mt:f:1.500
}
