package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/sink/jetstream"
)

// storeFlags say which stream is meant.
type storeFlags struct {
	stream streamFlags
	json   bool
	yes    bool
	before time.Duration
	all    bool
}

func newStore(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "See what a stream holds, and make room in it",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreList(g), newStoreDrop(g))
	return cmd
}

func (f *storeFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.stream.store, "store", defaultStore, "folder of an embedded server's stream")
	flags.StringVar(&f.stream.nats, "nats", "", "URL of a server, instead of --store")
	flags.StringVar(&f.stream.creds, "nats-creds", "", "credentials file for the server of --nats")
	f.stream.from = "start"
}

// runs are what a stream holds.
type runs interface {
	Contents(context.Context) (*jetstream.Contents, error)
	Drop(context.Context, jetstream.Stored) error
	Close() error
}

// open connects to the stream.
func (f *storeFlags) open(cmd *cobra.Command, g *global) (runs, *jetstream.Contents, error) {
	cfg, err := f.stream.config()
	if err != nil {
		return nil, nil, err
	}
	cfg.Log, cfg.New = g.logger(), true
	from, err := jetstream.Subscribe(cmd.Context(), cfg)
	if err != nil {
		return nil, nil, subscribeError(err)
	}
	contents, err := from.Contents(cmd.Context())
	if err != nil {
		_ = from.Close()
		return nil, nil, exit(exitFailure, err)
	}
	return from, contents, nil
}

func newStoreList(g *global) *cobra.Command {
	var f storeFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Which runs a stream holds, and how much room they take",
		Example: `  porevec store list
  porevec store list --nats nats://127.0.0.1:4222 --json`,
		Args: args(cobra.NoArgs),
	}
	f.register(cmd)
	f.lists(cmd, g, f.open)
	return cmd
}

// opening connects to a stream and looks at what it holds.
type opening func(*cobra.Command, *global) (runs, *jetstream.Contents, error)

// lists makes a command list the runs of a stream.
func (f *storeFlags) lists(cmd *cobra.Command, g *global, open opening) {
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON object on stdout")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, contents, err := open(cmd, g)
		if err != nil {
			return err
		}
		defer from.Close()
		if f.json {
			return failure(json.NewEncoder(cmd.OutOrStdout()).Encode(contents))
		}
		return failure(listRuns(cmd.OutOrStdout(), contents, contents.Runs))
	}
}

func listRuns(w io.Writer, contents *jetstream.Contents, runs []jetstream.Stored) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "RIG\tPOSITION\tRUN\tMESSAGES\tLAST\n")
	for _, r := range runs {
		note := ""
		if r.Kept {
			note = "  the last message of the rig, which stays"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s%s\n", r.Rig, r.Position, r.Run, r.Messages, r.Last.Local().Format(time.DateTime), note)
	}
	limit := ""
	if contents.Limit > 0 {
		limit = fmt.Sprintf(" of %.1f MB", float64(contents.Limit)/1e6)
	}
	fmt.Fprintf(out, "\nthe whole stream: %.1f MB%s\n", float64(contents.Bytes)/1e6, limit)
	return out.Flush()
}

func newStoreDrop(g *global) *cobra.Command {
	var f storeFlags
	cmd := &cobra.Command{
		Use:   "drop [RUN...]",
		Short: "Delete runs from a stream, to make room",
		Long: `drop deletes all vectors and answers of runs from the stream, at once and for good; a
program that waits for room goes on. Their files are not touched: embedding them again
stores them anew. In a hub, what the hub has stays there.

The beginning of a run's id, of 4 letters at least, stands for it. drop shows what it
would delete; --yes deletes it.`,
		Example: `  porevec store drop 1f0e64ab… --yes
  porevec store drop --before 168h --yes                 what got nothing new for a week
  porevec store drop --all --nats nats://127.0.0.1:4222`,
		Args: args(cobra.ArbitraryArgs),
	}
	f.register(cmd)
	f.drops(cmd, g, f.open)
	return cmd
}

// drops makes a command delete the runs of a stream that are chosen.
func (f *storeFlags) drops(cmd *cobra.Command, g *global, open opening) {
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it")
	cmd.Flags().DurationVar(&f.before, "before", 0, "runs that got nothing new for so long, e.g. 168h")
	cmd.Flags().BoolVar(&f.all, "all", false, "all runs")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if f.before < 0 || (len(names) > 0) == (f.before > 0 || f.all) {
			return usageError("say which runs: their ids, or --before, or --all")
		}
		if f.all && cmd.Flags().Changed("before") {
			return usageError("--all takes runs of any age, --before some: give one of them")
		}
		from, contents, err := open(cmd, g)
		if err != nil {
			return err
		}
		defer from.Close()
		return f.drop(cmd, from, contents, names)
	}
}

// drop shows the runs that are chosen, or deletes them.
func (f *storeFlags) drop(cmd *cobra.Command, from runs, contents *jetstream.Contents, names []string) error {
	chosen, err := f.chosen(contents.Runs, names)
	if err != nil {
		return err
	}
	chosen = slices.DeleteFunc(chosen, func(r jetstream.Stored) bool { return r.Kept })
	if !f.yes {
		if err := listRuns(cmd.OutOrStdout(), contents, chosen); err != nil {
			return exit(exitFailure, err)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s would be deleted: say --yes to do it.\n", counted(len(chosen), "run"))
		return failure(err)
	}
	for _, r := range chosen {
		if err := from.Drop(cmd.Context(), r); err != nil {
			return exit(exitFailure, err)
		}
	}
	after, err := from.Contents(cmd.Context())
	if err != nil {
		return exit(exitFailure, err)
	}
	stays := ""
	if slices.ContainsFunc(after.Runs, func(r jetstream.Stored) bool { return r.Kept }) {
		stays = "The last message of each rig stays: it tells how far the hub has got.\n"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s deleted; %.1f MB before, %.1f MB now\n%s", counted(len(chosen), "run"), float64(contents.Bytes)/1e6, float64(after.Bytes)/1e6, stays)
	return failure(err)
}

// chosen picks runs by name or by age.
func (f *storeFlags) chosen(runs []jetstream.Stored, names []string) ([]jetstream.Stored, error) {
	var chosen []jetstream.Stored
	for _, r := range runs {
		if f.all || f.before > 0 && time.Since(r.Last) > f.before {
			chosen = append(chosen, r)
		}
	}
	for _, name := range names {
		id, err := runNamed(runs, name)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if r.Run == id && !slices.Contains(chosen, r) {
				chosen = append(chosen, r)
			}
		}
	}
	return chosen, nil
}

// runNamed finds the id of a run, of which the beginning is enough, also with … behind it.
func runNamed(runs []jetstream.Stored, name string) (string, error) {
	const least = 4 // letters of a beginning
	prefix := strings.TrimSuffix(name, "…")
	var ids []string
	for _, r := range runs {
		switch {
		case r.Run == name:
			return name, nil
		case len(prefix) >= least && strings.HasPrefix(r.Run, prefix) && !slices.Contains(ids, r.Run):
			ids = append(ids, r.Run)
		}
	}
	switch len(ids) {
	case 0:
		return "", exit(exitInput, fmt.Errorf("the stream holds no run %s: 'porevec store list' shows which, of a hub 'porevec hub runs'; the first %d letters of an id are enough", name, least))
	case 1:
		return ids[0], nil
	}
	return "", exit(exitInput, fmt.Errorf("run %s may be %s: say more letters", name, strings.Join(ids, " or ")))
}
