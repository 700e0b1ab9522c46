package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/porevec/porevec/index/report"
	"github.com/porevec/porevec/index/search"
)

// at is a called read on bases [start, end), heard for some thousand samples.
func at(target string, start, end int, probability float64, thousands uint64) *search.Answer {
	return &search.Answer{
		Run: run, Samples: 1000 * thousands, Found: true, Called: true, Final: true, Probability: probability, LeadNats: 5,
		Place: search.Place{Target: target, TargetLength: 100, Start: start, End: end},
	}
}

func printed(t *testing.T, s *report.Summary) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func fewReads() *report.Summary {
	s := report.NewSummary([]report.Target{{"quiet", 1000}, {"ペスト菌", 80}, {"e\u0301coli", 2_000_000}}, 8)
	for range 4 {
		s.Add(at("ペスト菌", 0, 10, 0.95, 10))
	}
	s.Add(at("ペスト菌", 5, 20, 0.95, 20))
	s.Add(at("ペスト菌", 70, 80, 0.75, 30))
	s.Add(at("e\u0301coli", 1_999_000, 2_000_100, 1, 40)) // past the end
	unsure := at("quiet", 0, 10, 0.3, 10)
	unsure.Called = false
	decoy := *unsure
	decoy.LeadNats = -1
	early := at("quiet", 0, 10, 1, 10)
	early.Final = false
	for _, a := range []*search.Answer{unsure, unsure, &decoy, early, lost()} {
		s.Add(a)
	}
	return s
}

func TestSummaryPrint(t *testing.T) {
	same(t, printed(t, fewReads()), ``+
		"reads   11 = 7 called + 4 not called (2 unsure, 1 likelier a decoy, 1 with nothing found)\n"+
		"false   0.5 expected among the called\n"+
		"median  2.00 s of a read until it was called\n"+
		"\n"+
		"TARGET    READS   SHARE  PROBABILITY        COVERED   DEPTH  WHERE\n"+
		"ペスト菌      6  54.5 %       0.9167    30 (37.5 %)   0.812  |█▂     ▂|\n"+
		"e\u0301coli         1   9.1 %       1.0000  1000 (<0.1 %)  0.0005  |       █|\n"+
		"quiet         0   0.0 %            -      0 (0.0 %)       0  |        |\n")
}

func TestSummaryJSON(t *testing.T) {
	same(t, string(fewReads().JSON()), `{"reads":11,"reads_called":7,"reads_not_called":4,"reads_decoy":1,"reads_nothing_found":1,"reads_unsure":2,`+
		`"expected_false":0.5000000000000002,"median_read_seconds":2,"targets":[`+
		`{"target":"ペスト菌","length":80,"reads":6,"share":0.5454545454545454,"mean_probability":0.9166666666666666,"bases_covered":30,"mean_depth":0.8125,"reads_along":[4,1,0,0,0,0,0,1]},`+
		"{\"target\":\"e\u0301coli\""+`,"length":2000000,"reads":1,"share":0.09090909090909091,"mean_probability":1,"bases_covered":1000,"mean_depth":0.0005,"reads_along":[0,0,0,0,0,0,0,1]},`+
		`{"target":"quiet","length":1000,"reads":0,"share":0,"mean_probability":null,"bases_covered":0,"mean_depth":0,"reads_along":[0,0,0,0,0,0,0,0]}]}`)
}

func TestSummaryOfNothing(t *testing.T) {
	s := report.NewSummary(nil, 0)
	same(t, printed(t, s), "reads   0 = 0 called + 0 not called\n\nTARGET  READS  SHARE  PROBABILITY  COVERED  DEPTH  WHERE\n")
	same(t, string(s.JSON()), `{"reads":0,"reads_called":0,"reads_not_called":0,"reads_decoy":0,"reads_nothing_found":0,"reads_unsure":0,"expected_false":0,"median_read_seconds":null,"targets":[]}`)
}

// Answers may be odd; the summary stays printable, and pessimistic.
func TestSummaryOfOddAnswers(t *testing.T) {
	s := report.NewSummary([]report.Target{{"empty", 0}}, 2)
	s.Add(at("empty", 0, 10, math.NaN(), 10))
	s.Add(at("un\tknown", -50, 100, math.Inf(1), 5))
	nowhere := at("", 0, 0, 1, 10)
	nowhere.Found = false
	s.Add(nowhere)
	same(t, printed(t, s), ""+
		"reads   3 = 2 called + 1 not called (0 unsure, 0 likelier a decoy, 1 with nothing found)\n"+
		"false   1 expected among the called\n"+
		"median  1.50 s of a read until it was called\n"+
		"\n"+
		"TARGET    READS   SHARE  PROBABILITY        COVERED  DEPTH  WHERE\n"+
		"empty         1  33.3 %       0.0000      0 (0.0 %)      0  |  |\n"+
		"un known      1  33.3 %       1.0000  100 (100.0 %)      1  |█ |\n")
	if object := string(s.JSON()); !strings.Contains(object, `"mean_probability":0,`) || !strings.Contains(object, `"un\tknown"`) {
		t.Errorf("JSON() = %s", object)
	}
}

func TestSummaryFoldsManyTargets(t *testing.T) {
	for _, c := range []struct {
		targets, with int
		lines         int // of targets
		last          string
	}{
		{20, 1, 20, ""},
		{21, 1, 1, "and 20 targets without reads\n"},
		{21, 20, 20, "and 1 target without reads\n"},
		{21, 21, 21, ""},
		{21, 0, 0, "and 21 targets without reads\n"},
	} {
		var targets []report.Target
		for i := range c.targets {
			targets = append(targets, report.Target{Name: fmt.Sprintf("seq%d", i), Length: 100})
		}
		s := report.NewSummary(targets, 0)
		for i := range c.with {
			s.Add(at(targets[i].Name, 0, 10, 1, 1))
		}
		got := printed(t, s)
		if n := strings.Count(got, "\nseq"); n != c.lines || !strings.HasSuffix(got, c.last) || (c.last == "") == strings.Contains(got, "without reads") {
			t.Errorf("%d of %d targets with reads: %d lines\n%s", c.with, c.targets, n, got)
		}
		if c.with == 1 && !strings.Contains(got, "| █"+strings.Repeat(" ", 38)+"|") {
			t.Errorf("plot is not 40 wide:\n%s", got)
		}
	}
}

// Thousands of reads, in no order, cover what a bitmap says they cover.
func TestSummaryCoverage(t *testing.T) {
	const length = 100_000
	s := report.NewSummary([]report.Target{{"a", length}}, 1)
	seen, bases := make([]bool, length), 0
	for i := range 5000 {
		start := i * 7919 % (length - 40)
		end := start + 5 + i%35
		s.Add(at("a", start, end, 1, 1))
		for j := start; j < end; j++ {
			seen[j] = true
			bases++
		}
	}
	covered := 0
	for _, b := range seen {
		if b {
			covered++
		}
	}
	want := fmt.Sprintf(`"bases_covered":%d,"mean_depth":%v,"reads_along":[5000]`, covered, float64(bases)/length)
	for range 2 { // asking changes nothing
		if got := string(s.JSON()); !strings.Contains(got, want) || covered == length {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSparklineHeights(t *testing.T) {
	s := report.NewSummary([]report.Target{{"a", 90}}, 9)
	for bin := range 9 {
		for range bin * 10 {
			s.Add(at("a", bin*10, bin*10+10, 1, 1))
		}
	}
	if got := printed(t, s); !strings.Contains(got, "| ▁▂▃▄▅▆▇█|") {
		t.Error(got)
	}
}

func TestSummaryPrintTellsErrors(t *testing.T) {
	if err := fewReads().Print(full{}); !errors.Is(err, errFull) {
		t.Errorf("Print gave %v", err)
	}
}
