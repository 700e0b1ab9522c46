package report_test

import (
	"fmt"
	"os"

	"github.com/porevec/porevec/index/report"
)

func ExampleSummary() {
	s := report.NewSummary([]report.Target{{Name: "NC_003143.1", Length: 100}, {Name: "pMT1", Length: 100}}, 10)
	for _, start := range []int{3, 5, 60, 90} {
		s.Add(at("NC_003143.1", start, start+10, 0.99, 8))
	}
	s.Add(lost())
	if err := s.Print(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// reads   5 = 4 called + 1 not called (0 unsure, 0 likelier a decoy, 1 with nothing found)
	// false   0.04 expected among the called
	// median  1.60 s of a read until it was called
	//
	// TARGET       READS   SHARE  PROBABILITY      COVERED  DEPTH  WHERE
	// NC_003143.1      4  80.0 %       0.9900  32 (32.0 %)    0.4  |█     ▄  ▄|
	// pMT1             0   0.0 %            -    0 (0.0 %)      0  |          |
}
