package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/hub"
	"github.com/porevec/porevec/sink/jetstream"
)

// hubRuns opens what a hub holds, of one rig or of all.
func (f *storeFlags) hubRuns(cmd *cobra.Command, g *global) (runs, *jetstream.Contents, error) {
	h, err := hub.Open(f.stream.store)
	if err != nil {
		return nil, nil, exit(exitFailure, err)
	}
	from, err := h.Runs(cmd.Context(), g.logger())
	if err != nil {
		return nil, nil, exit(exitFailure, err)
	}
	contents, err := from.Contents(cmd.Context())
	if err != nil {
		_ = from.Close()
		return nil, nil, exit(exitFailure, err)
	}
	contents.Runs = slices.DeleteFunc(contents.Runs, func(r jetstream.Stored) bool { return f.stream.rig != "" && r.Rig != f.stream.rig })
	return from, contents, nil
}

func (f *storeFlags) registerHub(cmd *cobra.Command) {
	hubStore(cmd, &f.stream.store)
	cmd.Flags().StringVar(&f.stream.rig, "rig", "", "only runs of this rig")
}

func newHubRuns(g *global) *cobra.Command {
	var f storeFlags
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Which runs the hub holds, and how much room they take",
		Example: `  porevec hub runs
  porevec hub runs --rig rig1 --json | jq -r '.runs[].run'`,
		Args: args(cobra.NoArgs),
	}
	f.registerHub(cmd)
	f.lists(cmd, g, f.hubRuns)
	return cmd
}

func newHubDrop(g *global) *cobra.Command {
	var f storeFlags
	cmd := &cobra.Command{
		Use:   "drop [RUN...]",
		Short: "Delete runs from the hub, to make room",
		Long: `drop deletes vectors and answers of runs from the hub, at once and for good, whether or
not the hub is served; a hub that waits for room goes on. Rigs keep what they have, and
do not send it again: the last message of each rig stays in the hub to tell how far it
has got.

The beginning of a run's id, of 4 letters at least, stands for it. drop shows what it
would delete; --yes deletes it.`,
		Example: `  porevec hub drop 1f0e64ab… --yes
  porevec hub drop --before 720h --yes         what got nothing new for a month
  porevec hub drop --rig rig1 --all --yes`,
		Args: args(cobra.ArbitraryArgs),
	}
	f.registerHub(cmd)
	f.drops(cmd, g, f.hubRuns)
	return cmd
}
