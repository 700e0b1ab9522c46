package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/internal/version"
	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/minknow/dial"
)

func newDoctor(_ *global) *cobra.Command {
	var store string
	var hosts hostFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what works here, what does not, and what to do about it",
		Long: `doctor checks what embed needs: the ONNX Runtime library, the encoders, and a
disk that can keep what it acknowledges. It measures what one durable write costs
in the folder where the store would lie. With --host, or where MinKNOW is installed,
it also checks what live needs: the way to MinKNOW, its certificate, whether it lets us
in, and what its flow-cell positions do.`,
		Example: `  porevec doctor
  porevec doctor --store /data/porevec-store
  porevec doctor --host tower --ca tower.crt`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("host") && !dial.Installed() {
				hosts.hosts = nil
			}
			return examine(cmd.Context(), cmd.OutOrStdout(), store, &hosts)
		},
	}
	hosts.register(cmd.Flags())
	cmd.Flags().StringVar(&store, "store", defaultStore, "the store to check the disk of")
	return cmd
}

// examine prints one line per finding; its error names the first that matters.
func examine(ctx context.Context, w io.Writer, store string, minKNOW *hostFlags) error {
	var worst error
	finding := func(what string, err error, ok string) {
		if err == nil {
			fmt.Fprintf(w, "ok    %-14s %s\n", what, ok)
			return
		}
		fmt.Fprintf(w, "FAIL  %-14s %v\n", what, err)
		if worst == nil {
			worst = err
		}
	}
	finding("program", nil, fmt.Sprintf("porevec %s, %s/%s, %d cores", version.Version, runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0)))
	err := ort.Init()
	finding("ONNX Runtime", err, "version "+ort.RuntimeVersion())
	if err == nil {
		for _, m := range embed.Models() {
			finding("model", tryModel(m), m.ID)
		}
	}
	if worst != nil {
		worst = exit(exitModel, worst)
	}
	median, slow, err := syncCost(store)
	finding("disk", err, fmt.Sprintf("%s: a durable write of 256 KB takes %v (median), %v (95th percentile)", store, median, slow))
	if worst == nil && err != nil {
		worst = exit(exitDelivery, err)
	}
	if len(minKNOW.hosts) > 0 {
		hosts, err := minKNOW.open(slog.New(slog.DiscardHandler))
		if err != nil {
			finding("MinKNOW", err, "")
		}
		for _, h := range hosts {
			examineHost(ctx, h, finding)
		}
	}
	return failure(worst)
}

// examineHost checks the way to a MinKNOW and to each of its positions.
func examineHost(ctx context.Context, h minknow.Host, finding func(what string, err error, ok string)) {
	found, err := minknow.Examine(ctx, h)
	if err != nil {
		finding("MinKNOW", err, "")
		return
	}
	finding("MinKNOW", nil, fmt.Sprintf("%s, version %s, %d positions", h.Name, found.Version, len(found.Positions)))
	for _, p := range found.Positions {
		finding("position", p.Err, fmt.Sprintf("%s: %s", p.Name, p.State))
	}
}

// tryModel opens an encoder and closes it.
func tryModel(m embed.Model) error {
	encoder, err := ort.New(m)
	if err != nil {
		return err
	}
	return encoder.Close()
}

// syncCost measures a write and fsync of one message beside the store.
func syncCost(store string) (median, slow time.Duration, err error) {
	dir := filepath.Dir(filepath.Clean(store))
	f, err := os.CreateTemp(dir, ".porevec-doctor-*")
	if err != nil {
		return 0, 0, fmt.Errorf("%w: choose a --store in a folder that can be written", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	message := make([]byte, 256<<10)
	const rounds = 40
	var took []time.Duration
	for range rounds {
		begin := time.Now()
		if _, err := f.WriteAt(message, 0); err != nil {
			return 0, 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(begin).Round(10*time.Microsecond))
	}
	slices.Sort(took)
	return took[rounds/2], took[rounds*95/100], nil
}
