package main

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
)

// inspectFlags are the flags of porevec inspect.
type inspectFlags struct {
	json bool
	hash bool
	plot string
	read string

	recursive bool
}

func newInspect(g *global) *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "Show what is in POD5 and FAST5 files",
		Long: `inspect counts the reads and samples of files and shows the runs that they
belong to. --hash decodes every sample, so that it also proves a file whole: the
hash is FNV-1a 64 over the little-endian int16 samples of all reads, in the order
in which their signal lies in the file.

--plot draws the current of one read in pA with the leader, the chunks that embed
would cut, and where the molecule stood still or the pore was open.`,
		Example: `  porevec inspect a.pod5
  porevec inspect --json --hash run/*.pod5 | jq -r '[.file,.reads,.fnv1a64]|@tsv'
  porevec inspect --plot read.png a.pod5
  porevec inspect --plot read.png --read 0a1b2c3d-… a.pod5`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, paths) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "one JSON object per file")
	flags.BoolVar(&f.hash, "hash", false, "decode all samples and hash them")
	flags.BoolVarP(&f.recursive, "recursive", "r", false, "look into folders below the given ones too")
	flags.StringVar(&f.plot, "plot", "", "draw a read of the first file into this .png")
	flags.StringVar(&f.read, "read", "", "the read to draw (default: the first one long enough)")
	return cmd
}

// fileSummary is one line of inspect --json; design.md §6 fixes its fields.
type fileSummary struct {
	File        string       `json:"file"`
	Format      string       `json:"format"`
	Version     string       `json:"version"`
	Reads       uint64       `json:"reads"`
	Samples     uint64       `json:"samples"`
	SampleRates []uint16     `json:"sample_rates"`
	Runs        []runSummary `json:"runs"`
	Hash        string       `json:"fnv1a64,omitempty"`
	Note        string       `json:"note,omitempty"`
	Errors      []string     `json:"errors,omitempty"`
}

type runSummary struct {
	AcquisitionID       string    `json:"acquisition_id"`
	FlowCellID          string    `json:"flow_cell_id"`
	FlowCellProductCode string    `json:"flow_cell_product_code"`
	SequencingKit       string    `json:"sequencing_kit"`
	SampleID            string    `json:"sample_id"`
	ExperimentName      string    `json:"experiment_name"`
	Position            string    `json:"position"`
	SampleRate          uint16    `json:"sample_rate"`
	Start               time.Time `json:"acquisition_start"`
}

func (f *inspectFlags) run(cmd *cobra.Command, paths []string) error {
	if f.plot != "" && !strings.EqualFold(filepath.Ext(f.plot), ".png") {
		return usageError("--plot %q: the picture is a .png", f.plot)
	}
	files, err := findInput(paths, f.recursive)
	if err != nil {
		return err
	}
	if f.plot != "" {
		if err := checkOutput("--plot", f.plot, files...); err != nil {
			return err
		}
		return f.draw(files[0])
	}
	worst := 0
	for _, path := range files {
		s, err := summarize(path, f.hash)
		if err == nil {
			err = s.write(cmd.OutOrStdout(), f.json)
			if err != nil {
				return exit(exitFailure, err)
			}
			if len(s.Errors) > 0 {
				worst = max(worst, exitSkipped)
			}
			continue
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "porevec:", err)
		code := exitFailure
		switch {
		case signal.ClassOf(err) == signal.Corrupt:
			code = exitSkipped
		case errors.Is(err, fs.ErrNotExist):
			code = exitInput
		}
		worst = max(worst, code)
	}
	if worst > 0 {
		return exit(worst, nil)
	}
	return nil
}

// summarize reads one file; with hashing it decodes every sample.
func summarize(path string, hashing bool) (fileSummary, error) {
	file, err := replay.Open(path)
	if err != nil {
		return fileSummary{}, err
	}
	defer file.Close()
	s := fileSummary{File: path, Format: file.Format(), Version: file.Version(), Note: file.Note(), SampleRates: []uint16{}, Runs: []runSummary{}}
	last, ordered := uint64(0), true
	for read, err := range file.Reads() {
		if err != nil {
			s.Errors = append(s.Errors, err.Error())
			continue
		}
		s.Reads++
		s.Samples += read.Info().Samples
		ordered = ordered && read.Place() >= last
		last = read.Place()
	}
	for _, run := range file.Runs() {
		s.Runs = append(s.Runs, runSummary{
			run.AcquisitionID, run.FlowCellID, run.FlowCellProductCode, run.SequencingKit, run.SampleID,
			run.ExperimentName, run.Position, run.SampleRateHz, run.AcquisitionStart,
		})
		if !slices.Contains(s.SampleRates, run.SampleRateHz) {
			s.SampleRates = append(s.SampleRates, run.SampleRateHz)
		}
	}
	if hashing {
		s.Hash, err = hashReads(file, ordered)
		if err != nil {
			s.Errors = append(s.Errors, err.Error())
		}
	}
	return s, nil
}

// hashReads hashes all samples in the order in which the signal of the reads
// lies in the file. The reads are mostly listed in this order too, and then need
// not be kept in memory. The error is the first of a read that does not decode;
// the hash covers the others.
func hashReads(file replay.Recording, ordered bool) (string, error) {
	sum := fnv.New64a()
	var samples []int16
	var failed error
	add := func(read replay.Read) {
		var err error
		if samples, err = replay.Signal(read, samples[:0]); err != nil && failed == nil {
			failed = err
		}
		hashSamples(sum, samples)
	}
	var kept []replay.Read
	for read, err := range file.Reads() {
		switch {
		case err != nil: // reported when the reads were counted
		case ordered:
			add(read)
		default:
			kept = append(kept, read)
		}
	}
	slices.SortStableFunc(kept, func(a, b replay.Read) int { return cmp.Compare(a.Place(), b.Place()) })
	for _, read := range kept {
		add(read)
	}
	return fmt.Sprintf("%016x", sum.Sum64()), failed
}

// hashSamples adds samples as little-endian int16.
func hashSamples(h hash.Hash, samples []int16) {
	var buf [4096]byte
	for len(samples) > 0 {
		n := min(len(samples), len(buf)/2)
		for i, v := range samples[:n] {
			binary.LittleEndian.PutUint16(buf[2*i:], uint16(v))
		}
		_, _ = h.Write(buf[:2*n]) // a hash cannot fail
		samples = samples[n:]
	}
}

func (s *fileSummary) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	if _, err := fmt.Fprintf(w, "%s: %s, written by version %s\n", s.File, s.Format, cmp.Or(s.Version, "unknown")); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  reads\t%d\n  samples\t%d\n", s.Reads, s.Samples)
	if s.Hash != "" {
		fmt.Fprintf(t, "  fnv1a64\t%s\n", s.Hash)
	}
	if s.Note != "" {
		fmt.Fprintf(t, "  note\t%s\n", s.Note)
	}
	for _, r := range s.Runs {
		fmt.Fprintf(t, "  run\t%s\n", r.AcquisitionID)
		fmt.Fprintf(t, "    flow cell\t%s %s\n    kit\t%s\n", r.FlowCellProductCode, r.FlowCellID, r.SequencingKit)
		fmt.Fprintf(t, "    sample\t%s\n    position\t%s\n", r.SampleID, r.Position)
		fmt.Fprintf(t, "    rate\t%d Hz\n    started\t%s\n", r.SampleRate, r.Start.Format(time.RFC3339))
	}
	for _, e := range s.Errors {
		fmt.Fprintf(t, "  error\t%s\n", e)
	}
	return t.Flush()
}
