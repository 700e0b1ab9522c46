package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newBenchCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare BEFORE.json AFTER.json",
		Short: "Compare two results of bench --json, row by row",
		Long: `compare shows the rows that two results of 'porevec bench --json' have in common, and
how many times as fast the second one is. A row that changed by less than a tenth says
nothing on a computer with other work.`,
		Example: `  porevec bench --json > before.json
  porevec bench --json > after.json
  porevec bench compare before.json after.json`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			before, err := readBench(paths[0])
			if err != nil {
				return err
			}
			after, err := readBench(paths[1])
			if err != nil {
				return err
			}
			return failure(compareBench(cmd.OutOrStdout(), before, after))
		},
	}
}

func readBench(path string) (*benchResult, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, inputError(err)
	}
	var r benchResult
	if err := json.Unmarshal(text, &r); err != nil || len(r.Rows) == 0 {
		return nil, exit(exitInput, fmt.Errorf("%s: not a result of porevec bench --json", path))
	}
	for _, row := range r.Rows {
		if row.Stage == "" || !(row.SamplesPerS > 0) {
			return nil, exit(exitInput, fmt.Errorf("%s: not a result of porevec bench --json: row %q has a speed of %v", path, row.Stage, row.SamplesPerS))
		}
	}
	return &r, nil
}

func compareBench(w io.Writer, before, after *benchResult) error {
	for i, r := range []*benchResult{before, after} {
		fmt.Fprintf(w, "%-6s %s, %d cores; ONNX Runtime %s; %s on %s\n", []string{"before", "after"}[i], r.CPU, r.Cores, r.Runtime, r.Model, r.Device)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nM samples/s\tcores\tbefore\tafter\ttimes\tJ/M before\tafter\t\n")
	type key struct {
		stage string
		cores int
	}
	old := make(map[key]benchRow)
	for _, r := range before.Rows {
		old[key{r.Stage, r.Cores}] = r
	}
	common := 0
	for _, r := range after.Rows {
		b, both := old[key{r.Stage, r.Cores}]
		if !both {
			continue
		}
		common++
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.2f\t%s\t%s\t\n", r.Stage, r.Cores, b.SamplesPerS/1e6, r.SamplesPerS/1e6, r.SamplesPerS/b.SamplesPerS, b.joules(), r.joules())
	}
	if common == 0 {
		return fmt.Errorf("the two results have no row in common")
	}
	if before.ShareOfPeak > 0 && after.ShareOfPeak > 0 {
		fmt.Fprintf(t, "encoder, %% of the INT8 peak\t1\t%.0f\t%.0f\t%.2f\t\t\t\n", 100*before.ShareOfPeak, 100*after.ShareOfPeak, after.ShareOfPeak/before.ShareOfPeak)
	}
	return t.Flush()
}
