package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/sink/file"
	"github.com/porevec/porevec/sink/wire"
)

// minionChunksPerS is what a flow cell with 512 channels sequencing at 5 kHz makes,
// in chunks of 4096 samples, rounded up.
const minionChunksPerS = 640

func newIndexBench() *cobra.Command {
	var path string
	var most int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench --index FILE.pvi VECTORS",
		Short: "Measure how fast and how well an index is searched",
		Long: `bench looks for the vectors of a file (.arrow or .parquet, from embed -o) in an
index, on one core: every window compared, then some cells only, and the whole search
with votes. recall@1 is how often the nearest window of all is found. The last column
says how many MinIONs, with every channel sequencing, a row keeps up with.`,
		Example: `  porevec embed run/pod5 -o vectors.arrow
  porevec index bench --index panel.pvi vectors.arrow`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if path == "" || most < 1 {
				return usageError("--index %q --rows %d: name an index, and at least 1 vector", path, most)
			}
			ix, err := openIndex(path)
			if err != nil {
				return err
			}
			defer ix.Close()
			batches, err := readVectors(paths[0], most)
			if err != nil {
				return exit(exitInput, err)
			}
			rows, err := benchIndex(ix, batches)
			if errors.Is(err, search.ErrMismatch) {
				return exit(exitModel, err)
			}
			if err != nil {
				return exit(exitInput, err)
			}
			return failure(printIndexBench(cmd.OutOrStdout(), rows, asJSON))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&path, "index", "", "index to search in (required)")
	flags.IntVarP(&most, "rows", "n", 4096, "vectors that are sought")
	flags.BoolVar(&asJSON, "json", false, "one JSON object on stdout")
	return cmd
}

// readVectors reads at least most rows, or all.
func readVectors(path string, most int) ([]*wire.Batch, error) {
	in, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var batches []*wire.Batch
	for rows := 0; rows < most; {
		b, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		batches, rows = append(batches, b), rows+b.Len()
	}
	return batches, nil
}

// indexBenchRow is one measurement.
type indexBenchRow struct {
	What     string   `json:"what"`
	Chunks   int      `json:"chunks"`
	PerS     float64  `json:"chunks_per_s"`
	Recall   *float64 `json:"recall_at_1,omitempty"`
	MinIONs  float64  `json:"minions"`
	Compared float64  `json:"windows_compared"` // share of the index
}

func benchIndex(ix *index.Index, batches []*wire.Batch) ([]indexBenchRow, error) {
	s, err := search.New(search.Config{Index: ix, Probes: ix.DefaultProbes(), MaxChunks: 10, FDR: 0.01, Prior: 0.5})
	if err != nil {
		return nil, err
	}
	layer := len(ix.Layers) - 1 // whole chunks
	var vectors []float32
	for _, b := range batches {
		if err := s.Check(b.Recipe); err != nil {
			return nil, err
		}
		for i := range b.Len() {
			if at, fits := ix.LayerFor(int(b.Samples[i])); fits && at == layer {
				vectors = append(vectors, b.Row(i).Vector...)
			}
		}
	}
	if len(vectors) == 0 {
		return nil, fmt.Errorf("no vector is of a chunk of about %d samples", ix.Layers[layer].Window)
	}
	measure := func(what string, probes int) ([][]index.Hit, indexBenchRow, error) {
		begin := time.Now()
		hits, err := ix.NewSearcher(1, probes).Nearest(layer, vectors)
		row := newIndexBenchRow(what, len(hits), time.Since(begin))
		row.Compared = 1
		if probes > 0 {
			row.Compared = min(1, float64(probes)/float64(ix.Layers[layer].Cells))
		}
		return hits, row, err
	}
	exact, row, err := measure("every window", 0)
	if err != nil {
		return nil, err
	}
	rows := []indexBenchRow{row}
	for _, probes := range []int{32, 64, 128, 256, 320, 512} {
		if probes >= ix.Layers[layer].Cells {
			break
		}
		found, row, err := measure(fmt.Sprintf("%d cells of %d", probes, ix.Layers[layer].Cells), probes)
		if err != nil {
			return nil, err
		}
		same := 0
		for i := range found {
			if found[i][0] == exact[i][0] {
				same++
			}
		}
		row.Recall = new(float64(same) / float64(len(found)))
		rows = append(rows, row)
	}
	begin := time.Now()
	for _, b := range batches {
		if _, err := s.Add(b); err != nil {
			return nil, err
		}
	}
	return append(rows, newIndexBenchRow("whole search, chunks heard", int(s.Stats().Chunks), time.Since(begin))), nil
}

func newIndexBenchRow(what string, chunks int, took time.Duration) indexBenchRow {
	perS := float64(chunks) / took.Seconds()
	return indexBenchRow{What: what, Chunks: chunks, PerS: perS, MinIONs: perS / minionChunksPerS}
}

func printIndexBench(w io.Writer, rows []indexBenchRow, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			CPU         string          `json:"cpu"`
			MemoryBytes uint64          `json:"peak_memory_bytes,omitempty"`
			Rows        []indexBenchRow `json:"rows"`
		}{cpuName(), peakMemory(), rows})
	}
	fmt.Fprintf(w, "one core of %s; %.0f MB of memory at most\n\n", cpuName(), float64(peakMemory())/1e6)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SEARCHED\tCHUNKS\tCHUNKS/S\tRECALL@1\tMINIONS")
	for _, r := range rows {
		recall := "-"
		if r.Recall != nil {
			recall = fmt.Sprintf("%.4f", *r.Recall)
		}
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%s\t%.1f\n", r.What, r.Chunks, r.PerS, recall, r.MinIONs)
	}
	return t.Flush()
}
