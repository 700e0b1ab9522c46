package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/minknow/simulator"
)

// simulateFlags are the flags of porevec simulate.
type simulateFlags struct {
	config    simulator.Config
	recursive bool
	speed     string
	faults    []string
	now       bool
	sent      string
	json      bool
}

func newSimulate(g *global) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate PATH...",
		Short: "Serve a recorded run as a MinKNOW that measures it now",
		Long: `simulate reads POD5 or FAST5 files and serves the reads of their first run as a
MinKNOW: a manager and flow-cell positions, over TLS with an authority of its own,
with a token, at the sequencer's pace or faster. Clients of MinKNOW can stream from it.

Reads fill the channels, one after the other; --recorded puts them on their own
channel at their own time instead. As from MinKNOW, a read comes in pieces while it is
in progress, and its last, incomplete piece never does (--ends sends it). The run's
clock starts with the first client that streams (--now: at once).

--fault makes things go wrong, at times of the run's own clock:
  gap:every=N          every Nth piece is never sent
  dup:every=N          every Nth piece is sent twice
  late:every=N         every Nth piece comes when the next read has begun
  reset:at=T           all connections break
  goaway:at=T          clients are asked to go, and hung up on two seconds later
  restart:at=T,for=D   the position is gone for D, then on another port
  stop:at=T,for=D      the run stops; after D another one begins
  stall:at=T,for=D     nothing is sent for D
  big:at=T             a message of 30 MB
  muxscan:at=T,for=D   all reads end, and no new ones begin for D
  pause:at=T,for=D     the same, and the run says that it is paused
  token:at=T           the token expires; a new one is written

It ends when all reads were played, or when it is interrupted.`,
		Example: `  porevec simulate run/pod5                    then: porevec live --host localhost:PORT --ca DIR/ca.crt
  porevec simulate a.pod5 --port 9502 --dir /tmp/minknow --speed 10x
  porevec simulate a.pod5 --channels 3000 --repeat --length 10m
  porevec simulate a.pod5 --fault gap:every=20 --fault restart:at=60s,for=5s`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths) },
	}
	flags, c := cmd.Flags(), &f.config
	flags.BoolVarP(&f.recursive, "recursive", "r", false, "look into folders below the given ones too")
	flags.IntVar(&c.Positions, "positions", 1, "flow-cell positions, each with a run")
	flags.StringVar(&c.Name, "name", "", "name of the position, or how the names of several begin (default: that of the run)")
	flags.IntVar(&c.Channels, "channels", 512, "channels of each position, 1 to 3000")
	flags.StringVar(&f.speed, "speed", "1x", "multiple of the sequencer's pace, e.g. 10x")
	flags.DurationVar(&c.Piece, "piece", 0, "how much of a read is sent at a time (default 800ms)")
	flags.IntVar(&c.MessageChannels, "message-channels", 0, "channels in a message, at most (default 32)")
	flags.BoolVar(&c.Recorded, "recorded", false, "put reads on their own channel, at their own time")
	flags.BoolVar(&c.Ends, "ends", false, "send the last piece of a read too")
	flags.BoolVar(&c.Repeat, "repeat", false, "begin again when all reads are through, with new ids")
	flags.DurationVar(&c.Length, "length", 0, "end the run after so much time of its own (0: when all reads are through)")
	flags.DurationVar(&c.Calibration, "calibration", 0, "a short acquisition without reads before the run, as MinKNOW has it")
	flags.BoolVar(&f.now, "now", false, "start the run's clock at once, and not with the first client")
	flags.BoolVar(&c.NoOffsets, "no-offsets", false, "tell no positions of signal, as some other servers do")
	flags.StringSliceVar(&c.Without, "without", nil, "calls, by name, that are answered as not implemented")
	flags.StringArrayVar(&f.faults, "fault", nil, "what goes wrong; several times for several faults")
	flags.StringVar(&c.Listen, "listen", "127.0.0.1", "address to serve on; anything but loopback lets other computers in")
	flags.IntVar(&c.ManagerPort, "port", 0, "port of the manager (0: any free one)")
	flags.StringVar(&c.Dir, "dir", "porevec-simulator", "folder for ca.crt and the token; made if it is not there")
	flags.BoolVar(&c.Guests, "guests", false, "let clients in that show no token")
	flags.StringVar(&f.sent, "sent", "", "at the end write what was sent of each read to this file (TSV)")
	flags.BoolVar(&f.json, "json", false, "print where it listens as JSON, one line, and at the end what clients asked for")
	return cmd
}

func (f *simulateFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	c := &f.config
	var err error
	if c.Pace, err = parseSpeed(f.speed); err != nil {
		return err
	}
	if c.Pace == 0 {
		return usageError("--speed max: a sequencer has a pace; say a multiple of it, such as 10x")
	}
	for _, text := range f.faults {
		fault, err := simulator.ParseFault(text)
		if err != nil {
			return usageError("--fault: %w", err)
		}
		c.Faults = append(c.Faults, fault)
	}
	if c.Paths, err = findInput(paths, f.recursive); err != nil {
		return err
	}
	if f.sent != "" {
		if err := checkText("--sent", f.sent, c.Paths...); err != nil {
			return err
		}
	}
	c.Hold, c.Books, c.Log = !f.now, f.sent != "", g.logger()
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return exit(exitFailure, err)
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil { // clients are told of the token's path
		return exit(exitFailure, err)
	}
	limitMemory(math.MaxInt64 - goMemory) // reads in progress are held whole
	sim, err := simulator.New(*c)
	if err != nil {
		return inputError(err)
	}
	if err := f.announce(cmd.OutOrStdout(), sim); err != nil {
		return exit(exitFailure, err)
	}
	ctx, cancel := ossignal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := sim.Serve(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return exit(exitFailure, err)
	}
	if f.sent != "" {
		if err := writeSent(f.sent, sim.Sent()); err != nil {
			return inputError(err)
		}
	}
	if f.json {
		return failure(json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"actions": len(sim.Actions()), "messages": sim.Messages()}))
	}
	return nil
}

// announce says how to connect.
func (f *simulateFlags) announce(w io.Writer, sim *simulator.Simulator) error {
	ports := sim.Positions()
	if f.json {
		return json.NewEncoder(w).Encode(map[string]any{"manager": sim.Address(), "port": sim.Port(), "ca": sim.CA(), "positions": ports})
	}
	fmt.Fprintf(w, "manager    %s\n", sim.Address())
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		fmt.Fprintf(w, "position   %s on port %d\n", name, ports[name])
	}
	_, err := fmt.Fprintf(w, "authority  %s\n\nfollow it with:  porevec live --host localhost:%d --ca %s\n", sim.CA(), sim.Port(), sim.CA())
	return err
}

// writeSent writes a line per read: the spans [from, to) of it that were sent.
func writeSent(path string, reads []simulator.Sent) error {
	var text bytes.Buffer
	fmt.Fprintln(&text, "read_id\tchannel\tread_start\tsamples\tsent")
	for _, r := range reads {
		var spans []string
		for _, s := range r.Spans {
			spans = append(spans, fmt.Sprintf("%d-%d", s.From, s.To))
		}
		fmt.Fprintf(&text, "%v\t%d\t%d\t%d\t%s\n", r.ReadID, r.Channel, r.Start, r.Length, strings.Join(spans, ","))
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
