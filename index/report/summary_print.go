package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// fewTargets are all shown, of more only those with reads.
const fewTargets = 20

// Print writes the summary for people: totals, then a line per target, those with
// most reads first. Targets without reads are only counted when there are many. The
// plot shows where called reads lie along the target, relative to its busiest part.
func (s *Summary) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "reads   %d = %d called + %d not called", s.reads, s.called, s.reads-s.called)
	if s.reads > s.called {
		fmt.Fprintf(out, " (%d unsure, %d likelier a decoy, %d with nothing found)", s.unsure, s.decoy, s.nothing)
	}
	fmt.Fprintln(out)
	if s.called > 0 {
		fmt.Fprintf(out, "false   %.2g expected among the called\n", s.expectedFalse)
		fmt.Fprintf(out, "median  %.2f s of a read until it was called\n", s.medianReadSeconds())
	}
	fmt.Fprintln(out)
	rows, hidden := s.rows()
	printTable(out, rows)
	switch {
	case hidden == 1:
		fmt.Fprintln(out, "and 1 target without reads")
	case hidden > 1:
		fmt.Fprintf(out, "and %d targets without reads\n", hidden)
	}
	return out.Flush()
}

// rows are the cells of the table, and how many targets it leaves out.
func (s *Summary) rows() (rows [][]string, hidden int) {
	rows = [][]string{{"TARGET", "READS", "SHARE", "PROBABILITY", "COVERED", "DEPTH", "WHERE"}}
	for _, g := range s.ranked() {
		if g.reads == 0 && len(s.targets) > fewTargets {
			hidden++
			continue
		}
		probability := "-"
		if g.reads > 0 {
			probability = fmt.Sprintf("%.4f", g.probabilities/float64(g.reads))
		}
		rows = append(rows, []string{
			printable(g.Name), fmt.Sprint(g.reads), percent(g.reads, s.reads), probability,
			fmt.Sprintf("%d (%s)", g.covered.bases(), percent(g.covered.bases(), g.Length)),
			fmt.Sprintf("%.3g", g.depth()), "|" + sparkline(g.along) + "|",
		})
	}
	return rows, hidden
}

func percent(part, whole int) string {
	share := 100 * ratio(float64(part), float64(whole))
	if 0 < share && share < 0.1 {
		return "<0.1 %"
	}
	return fmt.Sprintf("%.1f %%", share)
}

// printTable aligns the first and the last column to the left, the others, numbers,
// to the right. Cells are as wide as terminals show them.
func printTable(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			switch i {
			case 0:
				fmt.Fprint(w, cell, pad)
			case len(row) - 1:
				fmt.Fprint(w, "  ", cell)
			default:
				fmt.Fprint(w, "  ", pad, cell)
			}
		}
		fmt.Fprintln(w)
	}
}
