package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// missedFlags are the flags of porevec live missed.
type missedFlags struct {
	stream    streamFlags
	recursive bool
	reads     string
	perRead   string
	json      bool
}

func newLiveMissed(_ *global) *cobra.Command {
	var f missedFlags
	cmd := &cobra.Command{
		Use:   "missed PATH...",
		Short: "What the live feed did not carry of a recorded run",
		Long: `missed compares the files of a run with what 'porevec live' noted of each of its
reads: which reads the live feed never showed, and which samples of the others did not
come. MinKNOW sends reads in pieces while they are in progress, so the end of every
read is missing, and short reads never appear.

To have the vectors of what was missed, embed the files too: chunks that came live have
the same numbers and the same vectors there.`,
		Example: `  porevec live missed /data/run1/pod5
  porevec live missed a.pod5 --reads carried.ndjson
  porevec live missed a.pod5 --per-read missed.tsv`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, paths) },
	}
	flags := cmd.Flags()
	f.stream.register(flags)
	flags.BoolVarP(&f.recursive, "recursive", "r", false, "look into folders below the given ones too")
	flags.StringVar(&f.reads, "reads", "", "the file of 'live --reads', instead of the stream")
	flags.StringVar(&f.perRead, "per-read", "", "write a line per read to this file (TSV; - is stdout)")
	flags.BoolVar(&f.json, "json", false, "one JSON object on stdout")
	return cmd
}

// missedRead tells what is missing of a read; all in samples.
type missedRead struct {
	carried, head, gaps, tail uint64
	gapCount                  int
}

// missed adds up what is missing of a run.
type missed struct {
	Reads    uint64 `json:"reads"`
	Complete uint64 `json:"complete"`
	NoEnd    uint64 `json:"only_end_missing"`
	Broken   uint64 `json:"head_or_gaps"`
	Unseen   uint64 `json:"never_seen"`
	NotHere  uint64 `json:"not_in_files"` // reads that came live and are in none of the files

	Samples        uint64 `json:"samples"`
	Carried        uint64 `json:"samples_carried"`
	UnseenSamples  uint64 `json:"samples_never_seen"`
	HeadSamples    uint64 `json:"samples_head"`
	GapSamples     uint64 `json:"samples_gaps"`
	Gaps           uint64 `json:"gaps"`
	TailSamples    uint64 `json:"samples_end"`
	ShedSamples    uint64 `json:"samples_shed"` // part of the above: they came, and were dropped
	UnreadableRead uint64 `json:"unreadable,omitempty"`
}

func (f *missedFlags) run(cmd *cobra.Command, paths []string) error {
	files, err := findInput(paths, f.recursive)
	if err != nil {
		return err
	}
	if f.perRead != "" && f.perRead != "-" {
		if err := checkText("--per-read", f.perRead, append(files, f.reads)...); err != nil {
			return err
		}
	}
	carried, err := f.carried(cmd.Context())
	if err != nil {
		return err
	}
	out := io.Discard
	if f.perRead == "-" {
		out = cmd.OutOrStdout()
	} else if f.perRead != "" {
		file, err := os.Create(f.perRead)
		if err != nil {
			return inputError(err)
		}
		defer file.Close()
		out = file
	}
	rows := bufio.NewWriter(out)
	sum, err := compareRuns(files, carried, rows)
	if err = errors.Join(err, rows.Flush()); err != nil {
		return inputError(err)
	}
	summary := cmd.OutOrStdout()
	if f.perRead == "-" {
		summary = cmd.ErrOrStderr()
	}
	if f.json {
		return failure(json.NewEncoder(summary).Encode(sum))
	}
	return failure(sum.print(summary))
}

// carried gathers what came of each read.
func (f *missedFlags) carried(ctx context.Context) (map[signal.ReadID]*carriedRead, error) {
	all := make(map[signal.ReadID]*carriedRead)
	var bad error
	add := func(c carriedRead) {
		id, err := signal.ParseReadID(c.ReadID)
		if err != nil {
			bad = fmt.Errorf("read %q: %w", c.ReadID, err)
			return
		}
		if before := all[id]; before != nil { // it had been silent for long
			before.Carried = append(before.Carried, c.Carried...)
			before.Shed, before.EndSeen = before.Shed+c.Shed, c.EndSeen
			return
		}
		all[id] = &c
	}
	if f.reads != "" {
		file, err := os.Open(f.reads)
		if err != nil {
			return nil, inputError(err)
		}
		defer file.Close()
		if err := cmp.Or(readCarried(bufio.NewReader(file), add), bad); err != nil {
			return nil, exit(exitFailure, fmt.Errorf("%s: %w", f.reads, err))
		}
		return all, nil
	}
	cfg, err := f.stream.config()
	if err != nil {
		return nil, err
	}
	cfg.Kind, cfg.End = wire.Read, true
	from, err := jetstream.Subscribe(ctx, cfg)
	if err != nil {
		return nil, subscribeError(err)
	}
	defer from.Close()
	for {
		m, err := from.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, bad
		}
		if err != nil {
			return nil, exit(exitFailure, err)
		}
		if err := cmp.Or(readCarried(bytes.NewReader(m.Payload), add), bad); err != nil {
			return nil, exit(exitFailure, fmt.Errorf("message %d on %s: %w", m.Sequence, m.Subject, err))
		}
	}
}

// compareRuns walks over the files and writes a row per read.
func compareRuns(files []string, carried map[signal.ReadID]*carriedRead, rows io.Writer) (*missed, error) {
	fmt.Fprintln(rows, "read_id\tchannel\tsamples\tcarried\thead_missing\tgaps\tgap_samples\tend_missing\tshed\tseen")
	var sum missed
	met := make(map[signal.ReadID]bool)
	for _, path := range files {
		file, err := replay.Open(path)
		if err != nil {
			return nil, err
		}
		for read, err := range file.Reads() {
			if err != nil {
				sum.UnreadableRead++
				continue
			}
			info := read.Info()
			if met[info.ID] {
				continue
			}
			met[info.ID] = true
			came := carried[info.ID]
			m := missedOf(info.Samples, came)
			sum.add(info.Samples, m, came)
			var shed uint64
			if came != nil {
				shed = came.Shed
			}
			fmt.Fprintf(rows, "%v\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%t\n", info.ID, info.Channel, info.Samples, m.carried, m.head, m.gapCount, m.gaps, m.tail, shed, came != nil)
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	for id := range carried {
		if !met[id] {
			sum.NotHere++
		}
	}
	return &sum, nil
}

// missedOf compares a read of n samples with what came of it. A read that never came is
// missing its end.
func missedOf(n uint64, came *carriedRead) missedRead {
	var m missedRead
	var end uint64
	if came != nil {
		slices.SortFunc(came.Carried, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
		for i, span := range came.Carried {
			switch {
			case span[0] <= end: // they touch
			case i == 0:
				m.head = span[0]
			default:
				m.gaps += span[0] - end
				m.gapCount++
			}
			m.carried += span[1] - span[0]
			end = span[1]
		}
	}
	m.tail = n - min(n, end)
	return m
}

func (s *missed) add(n uint64, m missedRead, came *carriedRead) {
	s.Reads++
	s.Samples += n
	if came == nil {
		s.Unseen++
		s.UnseenSamples += n
		return
	}
	s.Carried += m.carried
	s.HeadSamples += m.head
	s.GapSamples += m.gaps
	s.Gaps += uint64(m.gapCount)
	s.TailSamples += m.tail
	s.ShedSamples += came.Shed
	switch {
	case m.head+m.gaps > 0:
		s.Broken++
	case m.tail > 0:
		s.NoEnd++
	default:
		s.Complete++
	}
}

func (s *missed) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, reads any, samples uint64) {
		fmt.Fprintf(t, "%s\t%v\t%d\t%.2f %%\t\n", what, reads, samples, 100*float64(samples)/float64(max(s.Samples, 1)))
	}
	fmt.Fprintln(t, "\treads\tsamples\tof all\t")
	row("in the files", s.Reads, s.Samples)
	row("came live", s.Reads-s.Unseen, s.Carried)
	row("never seen live", s.Unseen, s.UnseenSamples)
	row("ends missing", s.NoEnd, s.TailSamples)
	row("heads missing", "", s.HeadSamples)
	row(fmt.Sprintf("gaps (%d)", s.Gaps), s.Broken, s.GapSamples)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d reads came whole. Of the missing samples, %d had come and were shed.\n", s.Complete, s.ShedSamples)
	if s.NotHere > 0 {
		fmt.Fprintf(w, "%d reads that came live are in none of the files.\n", s.NotHere)
	}
	if s.UnreadableRead > 0 {
		fmt.Fprintf(w, "%d reads of the files could not be read.\n", s.UnreadableRead)
	}
	return nil
}
