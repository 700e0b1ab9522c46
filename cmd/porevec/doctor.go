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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/internal/version"
	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/minknow/dial"
	"github.com/porevec/porevec/power"
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
	err := failureOf(exitModel, ort.Init())
	finding("ONNX Runtime", err, "version "+ort.RuntimeVersion())
	if err == nil {
		for _, m := range embed.Models() {
			finding("model", failureOf(exitModel, tryModel(m)), m.ID)
		}
	}
	examineComputer(finding)
	cost, err := measureSync(store)
	finding("disk", failureOf(exitDelivery, err), fmt.Sprintf("%s: a durable write of 256 KB takes %v (median), %v (95th percentile)", store, cost.median, cost.slow))
	if err == nil {
		finding("durability", nil, cost.advice())
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

// examineComputer tells which devices there are to compute on, and which sensors.
func examineComputer(finding func(what string, err error, ok string)) {
	var names []string
	for _, d := range candidates() {
		names = append(names, d.String())
	}
	finding("devices", nil, strings.Join(names, ", ")+" (what --device auto chooses from)")
	meter := power.Open(os.DirFS("/"), slog.New(slog.DiscardHandler))
	defer meter.Close()
	time.Sleep(200 * time.Millisecond) // watts are the mean of some time
	r := meter.Read()
	for _, gpu := range r.GPUs {
		finding("graphics card", nil, gpu.Name+" "+gpu.Driver)
	}
	var said []string
	if r.Watts != nil {
		said = append(said, fmt.Sprintf("%.1f W", *r.Watts))
	}
	if r.Hottest != nil {
		said = append(said, fmt.Sprintf("%s at %.0f °C", r.Hottest.Part, r.Hottest.TempC))
	}
	if r.BatteryPercent != nil {
		said = append(said, fmt.Sprintf("battery %.0f %%", *r.BatteryPercent))
	}
	if len(said) > 0 {
		finding("sensors", nil, strings.Join(said, ", "))
	}
	for _, note := range meter.Notes() {
		finding("sensors", nil, note)
	}
	for _, throttled := range r.Throttled {
		finding("throttled", nil, throttled)
	}
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

// syncCost is what a write and sync of one message costs on a disk.
type syncCost struct{ median, slow time.Duration }

// Bounds of what the default mode of durability is good for.
const (
	quickSync = 10 * time.Millisecond  // a live run does 50 a second
	slowSync  = 100 * time.Millisecond // cards and sticks
)

// advice says which settings suit the disk.
func (c syncCost) advice() string {
	minions := float64(wholeMessage) / c.median.Seconds() / (minionVectorsPerS * 2 * 128)
	switch {
	case c.median <= quickSync:
		return fmt.Sprintf("--durability always --message-size 256KiB (the defaults) suit this disk: its syncs leave room for %.0f MinIONs", minions)
	case c.median <= slowSync || runtime.GOOS != "linux":
		return fmt.Sprintf("--durability always --message-size 512KiB suit a replay (syncs leave room for %.0f MinIONs); answers of a live run come %v later", minions, c.median)
	}
	return fmt.Sprintf("this disk is slow: take --durability group --sync-interval %v --message-size 512KiB, so that one sync serves many messages; "+
		"vectors are acknowledged when it has passed them", (4 * c.median).Round(100*time.Millisecond))
}

// wholeMessage is the size at which messages are cut.
const wholeMessage = 256 << 10

// measureSync measures a write and sync of one message beside the store.
func measureSync(store string) (cost syncCost, err error) {
	dir := filepath.Dir(filepath.Clean(store))
	f, err := os.CreateTemp(dir, ".porevec-doctor-*")
	if err != nil {
		return cost, fmt.Errorf("%w: choose a --store in a folder that can be written", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	message := make([]byte, wholeMessage)
	const rounds = 40
	var took []time.Duration
	for i := range rounds {
		begin := time.Now()
		// Each behind the other, as in a stream: the file's length is to be kept too.
		if _, err := f.WriteAt(message, int64(i)*wholeMessage); err != nil {
			return cost, err
		}
		if err := f.Sync(); err != nil {
			return cost, err
		}
		took = append(took, time.Since(begin).Round(10*time.Microsecond))
	}
	slices.Sort(took)
	return syncCost{took[rounds/2], took[rounds*95/100]}, nil
}
