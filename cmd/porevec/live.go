package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/power"
)

// liveFlags are the flags of porevec live.
type liveFlags struct {
	embed embedFlags // what it shares with embed
	hosts hostFlags

	positions []string
	runs      int
	backlog   int
	queueMB   int
	silent    bool
	reads     string
}

func newLive(g *global) *cobra.Command {
	var f liveFlags
	cmd := &cobra.Command{
		Use:   "live",
		Short: "Embed runs while MinKNOW measures them",
		Long: `live connects to MinKNOW, waits for sequencing runs at its flow-cell positions, and
embeds the signal of all channels while it is being measured. It follows runs through
mux scans, pauses, lost connections and restarts of MinKNOW, until it is interrupted:
Ctrl-C or SIGTERM delivers what is under way and ends with 0.

A file with -o gets its name at that end, and replaces an older one. What a crash left in
NAME.part, the next start goes on with.

It is passive: it reads, and never ejects or stops a read. What the sequencer sent and
what was missing is checked sample by sample, marked in the vectors and counted.

When more comes than this computer can embed, chunks are shed: the oldest first, from
all channels alike, and counted. --max-chunks-per-read keeps to the beginnings of
reads, which are what most searches need.

On the computer that runs MinKNOW nothing has to be configured. From another one,
remote access must be on in MinKNOW, and its ca.crt is needed here (--ca).

SIGHUP reads --config again and follows the hosts and positions that it names now; runs
that are followed before and after go on without a pause.`,
		Example: `  porevec live                                 all positions of this computer
  porevec live --position X1,X2                two of them
  porevec live --host tower --ca tower.crt     another computer
  porevec live --host a,b --ca a=a.crt --ca b=b.crt
  porevec live --max-chunks-per-read 4 --listen 127.0.0.1:4222
  porevec live --runs 1 --json                 end with the run`,
		Args:    args(cobra.NoArgs),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.validate(cmd) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd, g) },
	}
	flags := cmd.Flags()
	f.hosts.register(flags)
	flags.StringSliceVar(&f.positions, "position", nil, "flow-cell positions to follow, by name; several with commas (default: all)")
	flags.IntVar(&f.runs, "runs", 0, "end when so many runs are over (0: go on)")
	f.embed.delivery.register(flags)
	f.embed.encoder.register(flags)
	f.embed.encoder.registerLimit(flags)
	f.embed.guard.register(flags)
	f.embed.encoder.defaultAge = liveAge // vectors of a live run are wanted at once
	flags.IntVar(&f.backlog, "backlog", 4096, "chunks that may wait for an encoder before some are shed")
	flags.IntVar(&f.queueMB, "queue", 64, "megabytes of signal that may wait to be cut before the newest is shed")
	flags.BoolVar(&f.silent, "silent", false, "write no message into MinKNOW's log when a run is followed")
	flags.StringVar(&f.reads, "reads", "", "also write what came of each read to this file, a line of JSON each")
	flags.DurationVar(&f.embed.drainTimeout, "drain-timeout", 30*time.Second, "how long an interrupted run may go on delivering")
	flags.BoolVar(&f.embed.json, "json", false, "end with one JSON object on stdout")
	cmd.AddCommand(newLiveMissed(g))
	return cmd
}

// validate is also asked by config check.
func (f *liveFlags) validate(cmd *cobra.Command) error {
	if err := f.embed.validateShared(cmd); err != nil {
		return err
	}
	if f.runs < 0 || f.backlog < 1 || f.queueMB < 1 {
		return usageError("--runs must not be negative, --backlog and --queue must be above 0")
	}
	return nil
}

func (f *liveFlags) run(cmd *cobra.Command, g *global) error {
	log := g.logger()
	// What waits longer goes along in a message that is not full.
	f.embed.delivery.maxAge = min(f.embed.encoder.batchAge, liveAge)
	if err := f.embed.delivery.checkOutput(); err != nil {
		return err
	}
	if f.reads != "" {
		if err := cmp.Or(checkText("--reads", f.reads), f.embed.delivery.checkApart("--reads", f.reads)); err != nil {
			return err
		}
	}
	hosts, err := f.hosts.open(log)
	if err != nil {
		return err
	}
	f.embed.encoder.single = f.embed.delivery.output != "" && f.embed.delivery.output != "-"
	lines, err := f.embed.encoder.open(log)
	if err != nil {
		return exit(exitModel, err)
	}
	defer lines.Close()
	return f.follow(cmd, g, log, hosts, lines)
}

// follow embeds until it is interrupted or as many runs are over as were asked for.
func (f *liveFlags) follow(cmd *cobra.Command, g *global, log *slog.Logger, hosts []minknow.Host, lines *lines) error {
	out, err := f.embed.delivery.open(cmd.Context(), log)
	if err != nil {
		return exit(exitDelivery, err)
	}
	books, err := openReadBooks(f.reads, out.stream, log)
	if err != nil {
		return errors.Join(inputError(err), out.sink.Close())
	}
	feed, err := minknow.New(minknow.Config{
		Hosts: hosts, Positions: f.positions, Runs: f.runs, QueueBytes: f.queueMB << 20, Announce: !f.silent, Seen: books.add, Log: log,
	})
	if err != nil {
		return errors.Join(usageError("%w", err), books.close(), out.sink.Close())
	}
	shortLineFor, guard := lines.shortLineFor, f.embed.guard.newGuard(true, log, f.uselessLevels()...)
	defer guard.close()
	if f.embed.encoder.single { // a file holds vectors of one window
		shortLineFor = nil
	}
	p, err := pipeline.New(pipeline.Config{
		Source: feed, LineFor: lines.lineFor, ShortLineFor: shortLineFor, Sink: out.sink, Backlog: f.backlog,
		// The sink is open until what came of the last reads is in it too.
		SourceEnded: func() { _ = feed.Close(); books.flush(context.Background()) },
		Workers:     f.embed.encoder.threads, BatchAge: f.embed.encoder.batchAge, Log: log,
	})
	if err != nil {
		return errors.Join(usageError("%w", err), feed.Close(), books.close(), out.sink.Close())
	}
	stop := f.beside(cmd, g, log, feed, p, out, books, lines, guard)
	report, interrupted, err := runUntilSignal(cmd.Context(), p, f.embed.drainTimeout, log)
	stop()
	if closed := books.close(); err == nil {
		err = closed
	}

	res := newLiveResult(report, feed.Stats())
	res.describe(lines, guard, &report, out.name)
	if out.stream == nil {
		res.LatencyMS = nil // a file's vectors are on disk when it is whole
	}
	if err := f.embed.printed(cmd, res.printJSON, res.print); err != nil {
		return exit(exitFailure, err)
	}
	if interrupted && err == nil && report.ChunksCancelled == 0 {
		interrupted = false // it is how following ends
	}
	return f.embed.verdict(embedded{Report: report}, interrupted, err)
}

// beside starts what goes on beside the pipeline, and gives what ends it.
func (f *liveFlags) beside(cmd *cobra.Command, g *global, log *slog.Logger, feed *minknow.Feed, p *pipeline.Pipeline, out *destination, books *readBooks, lines *lines, guard *guard) (stop func()) {
	ends := []func(){
		every(time.Second, func() { books.flush(cmd.Context()) }),
		every(time.Second, func() { limitMemory(channelMemory * channels(feed.Stats())) }),
		showLive(g.quiet, feed.Stats, p.Progress),
		reloadOnSignal(feed, log),
		guard.watch(p),
	}
	if out.stream != nil {
		ends = append(ends, publishLive(out.stream, feed.Stats, p.Progress, lines.devices, guard))
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// uselessLevels are those that spare nothing in this run.
func (f *liveFlags) uselessLevels() (list []power.Level) {
	e := &f.embed.encoder
	if e.hop == 0 || e.window > 0 && e.hop >= e.window {
		list = append(list, power.NoOverlap)
	}
	for l := power.First8; l < power.SmallWindow; l++ {
		if e.maxChunks > 0 && l.Chunks() >= e.maxChunks {
			list = append(list, l)
		}
	}
	if e.single {
		list = append(list, power.SmallWindow)
	}
	return list
}

// channelMemory is what an open read takes: two windows of samples, and as much again
// on its way.
const channelMemory = 32 << 10

// channels is how many are followed.
func channels(stats []minknow.Stats) (n int64) {
	for i := range stats {
		n += int64(stats[i].Channels)
	}
	return n
}
