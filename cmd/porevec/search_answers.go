package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/index"
	"github.com/porevec/porevec/index/report"
	"github.com/porevec/porevec/index/search"
	"github.com/porevec/porevec/index/watchlist"
	"github.com/porevec/porevec/sink/wire"
)

// answers is where the answers of a search go: to a file or stdout, into the
// summary, and to the watch list.
type answers struct {
	search  *search.Search
	digest  string // of the index
	decoys  bool   // it has some
	out     report.Writer
	file    *outFile // of -o; nil is stdout
	summary *report.Summary
	watch   *watchlist.Watch // nil without a watch list
	asJSON  bool
	quiet   bool
	stdout  io.Writer
	stderr  io.Writer
}

// open makes all that answers go to.
func (f *searchFlags) open(cmd *cobra.Command, g *global, ix *index.Index) (*answers, error) {
	probes := f.probes
	if probes == 0 && !f.exact {
		probes = ix.DefaultProbes()
	}
	s, err := search.New(search.Config{Index: ix, Probes: probes, MaxChunks: f.maxChunks, FDR: f.fdr, Prior: f.prior})
	if err != nil {
		return nil, usageError("%w", err)
	}
	var targets []report.Target
	var names []string
	for _, c := range ix.Contigs {
		if !c.Decoy {
			targets = append(targets, report.Target{Name: c.Name, Length: c.Length})
			names = append(names, c.Name)
		}
	}
	a := &answers{
		search: s, digest: ix.Digest, decoys: ix.Contigs[len(ix.Contigs)-1].Decoy, summary: report.NewSummary(targets, 0), asJSON: f.json, quiet: g.quiet,
		stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(),
	}
	if f.watchlist != "" {
		list, err := watchlist.Load(f.watchlist)
		if err != nil {
			return nil, exit(exitInput, err)
		}
		if a.watch, err = watchlist.NewWatch(list, names); err != nil {
			return nil, exit(exitInput, err)
		}
	}
	out := a.stdout
	if f.output != "-" {
		a.file = &outFile{path: f.output}
		out = a.file
	}
	a.out, err = report.New(f.format, out, report.Options{
		EachChunk: f.eachChunk, SamplesPerBase: ix.Model.SamplesPerBase, LeaderSamples: ix.Model.LeaderSamples,
	})
	if err != nil {
		return nil, usageError("--format: %w", err)
	}
	return a, nil
}

// errAnswer marks a failure to write answers, as against to find them.
var errAnswer = errors.New("write answers")

// take searches a batch, writes its answers, and gives them with the alarms that
// they raise.
func (a *answers) take(batch *wire.Batch) ([]search.Answer, []watchlist.Alert, error) {
	found, err := a.search.Add(batch)
	if err != nil {
		return nil, nil, err
	}
	alerts, err := a.write(found)
	return found, alerts, err
}

func (a *answers) write(list []search.Answer) ([]watchlist.Alert, error) {
	var alerts []watchlist.Alert
	for i := range list {
		answer := &list[i]
		if err := a.out.Write(answer); err != nil {
			return alerts, fmt.Errorf("%w: %w", errAnswer, err)
		}
		if !answer.Final {
			continue
		}
		a.summary.Add(answer)
		if a.watch != nil {
			alerts = append(alerts, a.watch.Add(answer)...)
		}
	}
	for _, alert := range alerts {
		fmt.Fprintln(a.stderr, alert)
	}
	if err := a.out.Flush(); err != nil {
		return alerts, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return alerts, nil
}

// end writes what is still open and the summary, and turns what happened into an
// exit code.
func (a *answers) end(err error, took time.Duration) error {
	var begun *exitError
	if errors.As(err, &begun) && begun.code != exitInterrupted && a.search.Stats() == (search.Stats{}) {
		return err // nothing was searched: there is nothing to sum up
	}
	_, last := a.write(a.search.End())
	if a.file != nil {
		last = errors.Join(last, a.file.Close())
	}
	if last == nil {
		last = a.printSummary(took)
	}
	if last != nil {
		return exit(exitFailure, errors.Join(err, last))
	}
	// An alarm is not hidden by reads that were passed over.
	var coded *exitError
	partly := errors.As(err, &coded) && (coded.code == exitSkipped || coded.code == exitInterrupted)
	if a.alarms() > 0 && (err == nil || partly) {
		return exit(exitAlert, errors.Unwrap(err))
	}
	return err
}

func (a *answers) alarms() int {
	count := 0
	if a.watch != nil {
		for _, r := range a.watch.Result() {
			if r.Raised {
				count++
			}
		}
	}
	return count
}

func (a *answers) printSummary(took time.Duration) error {
	stats := a.search.Stats()
	if a.asJSON {
		object := map[string]any{
			"summary": json.RawMessage(a.summary.JSON()), "reads": stats.Reads, "called": stats.Called, "decoy_calls": stats.DecoyCalls,
			"chunks": stats.Chunks, "chunks_unneeded": stats.Unneeded, "chunks_unfit": stats.Unfit, "chunks_broken": stats.Broken,
			"elapsed_s": took.Seconds(),
		}
		if a.watch != nil {
			object["watchlist"] = a.watch.Result()
		}
		return json.NewEncoder(a.stdout).Encode(object)
	}
	if a.quiet {
		return nil
	}
	if err := a.summary.Print(a.stderr); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "chunks   %d searched in %v; %d not needed, %d of a length that the index is not for, %d broken\n",
		stats.Chunks, took.Round(time.Millisecond), stats.Unneeded, stats.Unfit, stats.Broken)
	if a.decoys {
		fmt.Fprintf(a.stderr, "decoys   %d reads would have been called there; as many calls of targets may be wrong\n", stats.DecoyCalls)
	} else {
		fmt.Fprintln(a.stderr, "decoys   none in the index: nothing shows what chance finds")
	}
	if a.watch == nil {
		return nil
	}
	for _, r := range a.watch.Result() {
		if r.Raised {
			fmt.Fprintf(a.stderr, "watched  %s: %d reads; in the order of time, the alarm was due after %.1f s of sequencing\n", r.Alert.Group, r.Alert.Reads, r.Alert.Seconds)
		} else {
			fmt.Fprintf(a.stderr, "watched  %s: %d reads, no alarm\n", r.Alert.Group, r.Alert.Reads)
		}
	}
	return nil
}
