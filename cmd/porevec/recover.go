package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/pod5"
	porevec "github.com/porevec/porevec/signal"
)

// recoverFlags are the flags of porevec recover.
type recoverFlags struct {
	output, dir string
	like        string
	signalOnly  bool
	partial     bool
	force       bool
	json        bool
}

func newRecover(g *global) *cobra.Command {
	var f recoverFlags
	cmd := &cobra.Command{
		Use:   "recover FILE...",
		Short: "Save what an unfinished, cut off or damaged POD5 file still holds",
		Long: `recover writes a new POD5 file with the reads that are whole: beside the old one
as NAME.recovered.pod5, or where -o or --output-dir say. The old file is never
changed, and a file that is whole is not copied.

It helps with files whose writer was stopped (the hidden files .ID.tmp-reads and
.ID.tmp-run-info beside them are used: keep them), whose copy was interrupted, and
whose end or tables are damaged. The format has no checksums: bytes that changed
inside of a row of signal are noticed only if it no longer decodes.

Reads with missing or damaged signal are left out; --partial saves what comes
before the hole. The table that describes the reads is written last, so a file cut
off before it holds nothing but signal and read ids. --signal-only saves such reads
too, and invents nothing: channel, well, number and start are 0, the end reason is
unknown, and the calibration is offset 0 and scale 1, so their current is in ADC
counts, not pA. Their run is the file's own, if that is described, else "unknown"
with a sample rate of 0, which embed refuses to guess a model for. --like FILE takes
the run from another file of the same run instead, and implies --signal-only. It
does not take the calibration: that differs from channel to channel.

Exit codes: 0 all of it is saved, or the file is whole · 3 saved, but something is
lost · 4 not a POD5 file, or nothing to save · 1 error · 2 usage.`,
		Example: `  porevec recover cut.pod5                   writes cut.recovered.pod5
  porevec recover --output-dir saved run/*.pod5
  porevec recover --like other.pod5 cut.pod5 reads of which only signal is left
  porevec recover --json cut.pod5 | jq .lost_reads`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error { return failure(f.run(cmd, g, paths)) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "the new file; for one FILE only")
	flags.StringVar(&f.dir, "output-dir", "", "folder for the new files; it is made if it is missing")
	flags.BoolVar(&f.partial, "partial", false, "save the beginning of reads whose signal has a hole")
	flags.BoolVar(&f.signalOnly, "signal-only", false, "save reads of which only the signal is known")
	flags.StringVar(&f.like, "like", "", "POD5 file of the same run, for reads whose run is not described")
	flags.BoolVar(&f.force, "force", false, "replace existing files, and copy files that are whole")
	flags.BoolVar(&f.json, "json", false, "one JSON object per file")
	cmd.MarkFlagsMutuallyExclusive("output", "output-dir")
	return cmd
}

func (f *recoverFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	if f.output != "" && len(paths) > 1 {
		return usageError("-o is for one file; --output-dir takes a folder for many")
	}
	files, err := findInput(paths, false)
	if err != nil {
		return err
	}
	if f.output != "" && len(files) > 1 {
		return usageError("-o is for one file; %s holds %d", paths[0], len(files))
	}
	if f.dir != "" {
		if err := os.MkdirAll(f.dir, 0o755); err != nil {
			return usageError("--output-dir: %w", err)
		}
	}
	outputs, err := f.outputs(files)
	if err != nil {
		return err
	}
	opts := pod5.RecoverOptions{Partial: f.partial, SignalOnly: f.signalOnly || f.like != "", Copy: f.force}
	if f.like != "" {
		if opts.Like, err = onlyRun(f.like); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	worst := 0
	for i, path := range files {
		var finish func()
		opts.Progress, finish = showCount(g.quiet, "reads")
		result, err := pod5.Recover(ctx, path, outputs[i], opts)
		finish()
		if ctx.Err() != nil {
			return exit(exitInterrupted, fmt.Errorf("%s: interrupted; nothing was written", path))
		}
		s := newRecoverSummary(path, outputs[i], result, err)
		if err := s.write(cmd.OutOrStdout(), f); err != nil {
			return err
		}
		if err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "porevec:", err)
		}
		worst = max(worst, s.code(err))
	}
	if worst > 0 {
		return exit(worst, nil)
	}
	return nil
}

// outputs names the new files. None may take the place of another, of an input, or,
// without --force, of any file.
func (f *recoverFlags) outputs(files []string) ([]string, error) {
	flag := "-o"
	if f.dir != "" {
		flag = "--output-dir"
	}
	list := make([]string, len(files))
	taken := map[string]string{}
	for i, path := range files {
		out := f.output
		if out == "" {
			name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".tmp"), ".pod5") + ".recovered.pod5"
			out = filepath.Join(filepath.Dir(path), name)
			if f.dir != "" {
				out = filepath.Join(f.dir, name)
			}
		}
		if other, ok := taken[filepath.Clean(out)]; ok {
			return nil, usageError("%s and %s would both become %s", other, path, out)
		}
		taken[filepath.Clean(out)] = path
		if err := checkOutput(flag, out, files...); err != nil {
			return nil, err
		}
		if err := checkOutput(flag, out+".tmp", files...); err != nil {
			return nil, err
		}
		info, err := os.Stat(out)
		switch {
		case err != nil: // a new file
		case !info.Mode().IsRegular():
			return nil, usageError("%s is no regular file", out)
		case !f.force:
			return nil, usageError("%s exists; --force replaces it", out)
		}
		list[i] = out
	}
	return list, nil
}

// onlyRun reads the run of a file that has one.
func onlyRun(path string) (*porevec.Run, error) {
	file, err := pod5.Open(path)
	if err != nil {
		return nil, inputError(fmt.Errorf("--like: %w", err))
	}
	defer file.Close()
	if runs := file.Runs(); len(runs) == 1 {
		return runs[0], nil
	}
	return nil, usageError("--like %s: it has %d runs; which one is meant?", path, len(file.Runs()))
}

// recoverSummary is one line of recover --json.
type recoverSummary struct {
	File            string           `json:"file"`
	Output          string           `json:"output,omitempty"`
	Whole           bool             `json:"whole"`
	Reads           uint64           `json:"reads"`
	Samples         uint64           `json:"samples"`
	PartialReads    uint64           `json:"partial_reads"`
	SignalOnlyReads uint64           `json:"signal_only_reads"`
	BreaksOff       bool             `json:"breaks_off"`
	Damage          []string         `json:"damage"`
	Lost            map[string]int   `json:"lost"`
	LostReads       []lostReadResult `json:"lost_reads"`
	Error           string           `json:"error,omitempty"`
}

type lostReadResult struct {
	ReadID  string `json:"read_id"`
	Reason  string `json:"reason"`
	Saved   uint64 `json:"samples_saved"`
	Samples uint64 `json:"samples"`
}

func newRecoverSummary(path, output string, r *pod5.Recovered, err error) recoverSummary {
	s := recoverSummary{File: path, Damage: []string{}, Lost: map[string]int{}, LostReads: []lostReadResult{}}
	if err != nil {
		s.Error = err.Error()
		return s
	}
	s.Whole, s.Reads, s.Samples = r.Whole, r.Reads, r.Samples
	s.PartialReads, s.SignalOnlyReads, s.BreaksOff = r.Partial, r.SignalOnly, r.Breaks
	s.Damage = append(s.Damage, r.Damage...)
	if r.Reads > 0 {
		s.Output = output
	}
	for _, l := range r.Lost {
		s.Lost[string(l.Reason)]++
		s.LostReads = append(s.LostReads, lostReadResult{l.ID.String(), string(l.Reason), l.Saved, l.Samples})
	}
	return s
}

// code is the exit code for a file.
func (s *recoverSummary) code(err error) int {
	switch {
	case errors.Is(err, pod5.ErrNotPOD5), errors.Is(err, pod5.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return exitInput
	case err != nil:
		return exitFailure
	case s.Whole:
		return 0
	case s.Reads == 0:
		return exitInput
	case len(s.LostReads) > 0 || s.BreaksOff || s.SignalOnlyReads > 0:
		return exitSkipped
	}
	return 0
}

// listedReads is how many lost reads people are shown one by one.
const listedReads = 20

func (s *recoverSummary) write(w io.Writer, f *recoverFlags) error {
	if f.json {
		return json.NewEncoder(w).Encode(s)
	}
	if s.Error != "" {
		return nil // stderr has it
	}
	var b strings.Builder
	switch {
	case s.Output != "":
		fmt.Fprintf(&b, "%s: saved %d reads of %d samples in %s\n", s.File, s.Reads, s.Samples, s.Output)
	case s.Whole:
		fmt.Fprintf(&b, "%s: whole, nothing to recover\n", s.File)
	default:
		fmt.Fprintf(&b, "%s: nothing to save\n", s.File)
	}
	for _, d := range s.Damage {
		fmt.Fprintf(&b, "  damage: %s\n", d)
	}
	if s.PartialReads > 0 {
		fmt.Fprintf(&b, "  %d of them without their end\n", s.PartialReads)
	}
	if s.SignalOnlyReads > 0 {
		fmt.Fprintf(&b, "  %d of them with their signal only: no channel, no calibration\n", s.SignalOnlyReads)
	}
	for i, l := range s.LostReads {
		if i == listedReads {
			fmt.Fprintf(&b, "  … and %d more, which --json lists\n", len(s.LostReads)-i)
			break
		}
		fmt.Fprintf(&b, "  lost: %s %s, %d of %d samples saved\n", l.ReadID, l.Reason, l.Saved, l.Samples)
	}
	for _, reason := range []pod5.Loss{pod5.SignalMissing, pod5.SignalDamaged, pod5.NotDescribed, pod5.RunUnknown, pod5.ListedTwice} {
		if n := s.Lost[string(reason)]; n > 0 {
			fmt.Fprintf(&b, "  lost to %s: %d reads\n", reason, n)
		}
	}
	s.hint(&b, f)
	_, err := io.WriteString(w, b.String())
	return err
}

// hint tells which flag would save more.
func (s *recoverSummary) hint(w io.Writer, f *recoverFlags) {
	reads, samples := 0, uint64(0)
	for _, l := range s.LostReads {
		if l.Reason == string(pod5.NotDescribed) || l.Reason == string(pod5.RunUnknown) {
			reads++
			samples += l.Samples
		}
	}
	if reads > 0 && !f.signalOnly && f.like == "" {
		fmt.Fprintf(w, "  --like FILE or --signal-only would save %d more reads of up to %d samples\n", reads, samples)
	}
}
