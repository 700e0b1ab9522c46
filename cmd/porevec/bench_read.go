package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
)

// benchReadFlags are the flags of porevec bench read.
type benchReadFlags struct {
	json      bool
	threads   int
	seconds   float64
	recursive bool
}

func newBenchRead() *cobra.Command {
	var f benchReadFlags
	cmd := &cobra.Command{
		Use:   "read FILE...",
		Short: "Measure how fast files are read and decoded",
		Long: `read decodes every sample of the files, again and again for --seconds, and shows
the fastest pass: the others had to share the computer, or waited for a disk. It
uses as many cores as --threads says and no more. Files that fit into memory come
from there after the first pass.`,
		Example: `  porevec bench read run/a.pod5
  porevec bench read --threads 4 run/*.pod5
  porevec bench read --json a.pod5 | jq .samples_per_s`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: interruptible(func(cmd *cobra.Command, paths []string) error { return f.run(cmd, paths) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "one JSON object on stdout")
	flags.IntVarP(&f.threads, "threads", "t", 1, "cores to use")
	flags.Float64Var(&f.seconds, "seconds", 2, "least time spent; one pass over the files is always made")
	flags.BoolVarP(&f.recursive, "recursive", "r", false, "look into folders below the given ones too")
	return cmd
}

// readResult is what bench read --json prints. Bytes are those of stored signal,
// 10^6 to a megabyte.
type readResult struct {
	CPU     string `json:"cpu"`
	Threads int    `json:"threads"`
	Files   int    `json:"files"`
	Reads   uint64 `json:"reads"`
	Samples uint64 `json:"samples"`
	Passes  int    `json:"passes"`
	Skipped int    `json:"skipped"` // files and reads that could not be read

	SamplesPerS    float64 `json:"samples_per_s"`     // per core, fastest pass
	SamplesPerSAll float64 `json:"samples_per_s_all"` // of all cores together
	SamplesPerSAvg float64 `json:"samples_per_s_avg"` // per core, all passes
	StoredMBPerS   float64 `json:"stored_mb_per_s"`
	BitsPerSample  float64 `json:"bits_per_sample"`
	// SpentS is the time of the fastest pass by what it went to, added up over
	// threads.
	SpentS struct {
		List   float64 `json:"list"`
		Fetch  float64 `json:"fetch"`
		Unzip  float64 `json:"unzip"`
		Unpack float64 `json:"unpack"`
		Rest   float64 `json:"rest"`
	} `json:"spent_s"`
	PeakMemoryBytes uint64 `json:"peak_memory_bytes,omitempty"`
}

// readPass is one pass over the files.
type readPass struct {
	opened, skipped int
	reads, samples  uint64
	took            time.Duration
	spent           replay.Spent
}

func (p readPass) rate() float64 { return float64(p.samples) / p.took.Seconds() }

func (f *benchReadFlags) run(cmd *cobra.Command, paths []string) error {
	if f.threads < 1 || f.threads > mostCores {
		return usageError("--threads %d: must lie between 1 and %d", f.threads, mostCores)
	}
	if f.seconds != 0 { // 0: one pass
		if err := validateSeconds(f.seconds); err != nil {
			return err
		}
	}
	files, err := findInput(paths, f.recursive)
	if err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(f.threads))
	var best, all readPass
	passes := 0
	for passes == 0 || all.took.Seconds() < f.seconds {
		pass, err := f.pass(cmd.Context(), files)
		if err != nil {
			return failure(err)
		}
		passes++
		all.samples, all.took = all.samples+pass.samples, all.took+pass.took
		if passes == 1 || pass.rate() > best.rate() {
			best = pass
		}
		if best.samples == 0 {
			break
		}
	}
	res := f.result(best, all, passes)
	if f.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(res)
	} else {
		err = res.print(cmd.OutOrStdout())
	}
	switch {
	case err != nil:
		return failure(err)
	case best.samples == 0 && best.skipped > 0:
		return exit(exitInput, errors.New("no file could be read"))
	case best.skipped > 0:
		return exit(exitSkipped, nil)
	}
	return nil
}

func (f *benchReadFlags) pass(ctx context.Context, files []string) (readPass, error) {
	src := replay.NewSource(replay.List(files), replay.Options{Decoders: f.threads})
	defer src.Close()
	var p readPass
	begin := time.Now()
	for {
		block, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if signal.ClassOf(err) == signal.Corrupt {
			p.skipped++
			continue
		}
		if err != nil {
			return p, err
		}
		p.samples += uint64(len(block.Samples))
		if block.Offset == 0 {
			p.reads++
		}
		if block.Err != nil {
			p.skipped++
		}
		block.Release()
	}
	p.took, p.spent = time.Since(begin), src.Spent()
	p.opened, _ = src.Files()
	return p, nil
}

func (f *benchReadFlags) result(best, all readPass, passes int) readResult {
	threads := float64(f.threads)
	seconds := best.took.Seconds()
	r := readResult{
		CPU: cpuName(), Threads: f.threads, Files: best.opened, Reads: best.reads, Samples: best.samples, Passes: passes, Skipped: best.skipped,
		SamplesPerS: best.rate() / threads, SamplesPerSAll: best.rate(), SamplesPerSAvg: all.rate() / threads,
		StoredMBPerS:    float64(best.spent.Stored) / seconds / 1e6,
		BitsPerSample:   8 * float64(best.spent.Stored) / float64(max(best.samples, 1)),
		PeakMemoryBytes: peakMemory(),
	}
	s := &r.SpentS
	s.List, s.Fetch, s.Unzip, s.Unpack = best.spent.List.Seconds(), best.spent.Fetch.Seconds(), best.spent.Unzip.Seconds(), best.spent.Unpack.Seconds()
	s.Rest = max(threads*seconds-s.List-s.Fetch-s.Unzip-s.Unpack, 0)
	return r
}

func (r *readResult) print(w io.Writer) error {
	s := r.SpentS
	total := max(s.List+s.Fetch+s.Unzip+s.Unpack+s.Rest, 1e-9)
	fmt.Fprintf(w, "%s, %d of its cores; %d files, %s reads, %s samples, %.2f bits each; fastest of %d passes\n\n",
		r.CPU, r.Threads, r.Files, count(r.Reads), count(r.Samples), r.BitsPerSample, r.Passes)
	fmt.Fprintf(w, "%8.1f M samples/s and core   (%.1f all cores; %.1f on average over the passes)\n", r.SamplesPerS/1e6, r.SamplesPerSAll/1e6, r.SamplesPerSAvg/1e6)
	fmt.Fprintf(w, "%8.1f MB/s of stored signal\n\n", r.StoredMBPerS)
	for _, row := range []struct {
		part    string
		seconds float64
	}{
		{"find files and reads", s.List}, {"read stored signal", s.Fetch}, {"decompress", s.Unzip}, {"unpack to samples", s.Unpack},
		{"hand over, wait", s.Rest},
	} {
		fmt.Fprintf(w, "  %-22s %5.1f %%\n", row.part, 100*row.seconds/total)
	}
	_, err := fmt.Fprintf(w, "\nAt most %d MB of memory were resident.\n", r.PeakMemoryBytes/1_000_000)
	return err
}
