package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/pipeline"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/watch"
)

// watchFlags are the flags of porevec watch.
type watchFlags struct {
	embed embedFlags

	flat   bool
	poll   time.Duration
	settle time.Duration
	idle   time.Duration
	log    string
}

// watchLog is the memory of a watched folder, within that folder or the store.
const watchLog = ".porevec-watch"

func newWatch(g *global) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch DIR",
		Short: "Embed files as the sequencer finishes them",
		Long: `watch waits for POD5 and FAST5 files in a folder and the folders below it, and
embeds each one when it has been written to its end. It delivers like embed, until
it is interrupted: Ctrl-C or SIGTERM delivers what is under way and ends with 0.

A POD5 file is finished when its end is there. FAST5 has no mark at its end: such
a file is finished when it did not change for --settle. On a local disk of Linux that
counts from the file's time, elsewhere from the first look, since the clock may be
another. Local folders notify of new files; network folders are looked at every --poll.

When --idle ends the watch, files without an end are named, skipped and counted, and
the exit code is 3. After Ctrl-C they are named only: they may still be being written.

Which files were dealt with stands in --log: after a restart or a power cut they
are not read again. A file is entered when all of its vectors are on disk.

With -o there is no --log, and every start reads all files. The output gets its name
when a watch ends that has read all that was finished; it replaces an older one.
Interrupted before, a watch leaves NAME.part and ends with 130: the same command goes
on with it and embeds only what is missing; --idle 1s ends it when all files are read.`,
		Example: `  porevec watch /data/run1
  porevec watch /data/run1 --listen 127.0.0.1:4222   others may subscribe meanwhile
  porevec watch /mnt/nas/run1 --poll 30s             a slow network folder
  porevec watch /data/run1 --idle 1h --json          end an hour after the last file`,
		Args:    args(cobra.ExactArgs(1)),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.validate(cmd) },
		RunE:    func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths[0]) },
	}
	flags := cmd.Flags()
	f.embed.delivery.register(flags)
	f.embed.encoder.register(flags)
	f.embed.encoder.registerLimit(flags)
	f.embed.guard.register(flags)
	flags.BoolVar(&f.flat, "flat", false, "leave the folders below alone")
	flags.DurationVar(&f.poll, "poll", 0, "time between two looks at everything (0: 10s with notifications, 2s without)")
	flags.DurationVar(&f.settle, "settle", 30*time.Second, "how long a FAST5 file must not have changed to be finished")
	flags.DurationVar(&f.idle, "idle", 0, "end when no file was finished for so long and none is settling (0: never)")
	flags.StringVar(&f.log, "log", "", "file that remembers what was dealt with (default: "+watchLog+" in --store, or in DIR with another server)")
	flags.DurationVar(&f.embed.drainTimeout, "drain-timeout", 30*time.Second, "how long an interrupted run may go on delivering")
	flags.BoolVar(&f.embed.json, "json", false, "end with one JSON object on stdout")
	return cmd
}

// validate is also asked by config check.
func (f *watchFlags) validate(cmd *cobra.Command) error {
	if err := f.embed.validateShared(cmd); err != nil {
		return err
	}
	if f.poll < 0 || f.settle <= 0 || f.idle < 0 {
		return usageError("--poll and --idle must not be negative, --settle must be above 0")
	}
	return nil
}

func (f *watchFlags) run(cmd *cobra.Command, g *global, dir string) error {
	log := g.logger()
	if err := f.embed.delivery.checkOutput(); err != nil {
		return err
	}
	files, err := f.open(dir, log)
	if err != nil {
		return inputError(err)
	}
	defer files.close()
	source := replay.NewSource(files, replay.Options{Ended: files.ended, Log: log})
	defer source.Close()
	log.Info("watching", "dir", dir)
	f.embed.atRest = files.atRest
	report, interrupted, err := f.embed.embed(cmd, g, log, source, 0, func(progress func() pipeline.Report) func() {
		stop := every(time.Second, func() { files.settle(progress) })
		return func() {
			stop()
			files.settle(progress)
		}
	})
	if report == nil {
		return err
	}
	if interrupted {
		files.tellUnfinished()
	}
	if interrupted && err == nil && report.ChunksCancelled == 0 {
		// It is how a watch ends. But a file is not made of a part.
		interrupted = f.embed.delivery.files() != nil && !files.rested
	}
	return f.embed.verdict(*report, interrupted, err)
}

// open begins to watch.
func (f *watchFlags) open(dir string, log *slog.Logger) (*watchedFiles, error) {
	files := &watchedFiles{idle: f.idle, log: log, handed: make(map[string]watch.File)}
	opts := watch.Options{
		Recursive: !f.flat, Poll: f.poll, Settle: f.settle, Extensions: []string{".pod5", ".fast5"}, Log: log,
		Finished: func(path string) (bool, error) {
			done, known, err := replay.Complete(path)
			if err == nil && !known {
				err = watch.ErrUndecided
			}
			return done, err
		},
	}
	if d := f.embed.delivery; d.nats != "off" && d.output == "" {
		path := f.log
		switch {
		case path != "":
		case d.nats == "embedded":
			path = filepath.Join(d.store, watchLog)
		default:
			path = filepath.Join(dir, watchLog)
		}
		var err error
		if files.dealt, err = openWatchLog(path); err != nil {
			return nil, err
		}
		opts.Seen = files.dealt
	}
	var err error
	if files.watcher, err = watch.New(dir, opts); err != nil {
		files.close()
		return nil, err
	}
	return files, nil
}

// lostFile says whether a file could not be read since it is elsewhere by now, or
// its disk is gone.
func lostFile(err error) bool {
	var e *signal.Error
	return errors.As(err, &e) && isPathError(e.Err)
}
