package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/sink/jetstream"
)

// streamFlags say which stream of vectors is read, and what of it.
type streamFlags struct {
	store, nats, creds string
	rig, position, run string
	from               string
	untilIdle          time.Duration
}

func (f *streamFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.store, "store", defaultStore, "folder of an embedded server's stream")
	flags.StringVar(&f.nats, "nats", "", "URL of a server, instead of --store")
	flags.StringVar(&f.creds, "nats-creds", "", "credentials file for the server of --nats")
	flags.StringVar(&f.rig, "rig", "", "only vectors of this rig")
	flags.StringVar(&f.position, "position", "", "only vectors of this flow-cell position")
	flags.StringVar(&f.run, "run", "", "only vectors of this run (acquisition id)")
	flags.StringVar(&f.from, "from", "start", "start, new, or a time such as 2026-11-23T08:00:00Z")
	flags.DurationVar(&f.untilIdle, "until-idle", 0, "end when nothing new has come for this long (0: wait on)")
}

func (f *streamFlags) config() (jetstream.SubscribeConfig, error) {
	cfg := jetstream.SubscribeConfig{URL: f.nats, Credentials: f.creds, Rig: f.rig, Position: f.position, Run: f.run}
	if f.nats == "" {
		cfg.Store = f.store
		if f.creds != "" {
			return cfg, usageError("--nats-creds is for the server of --nats, which names none: --store asks for no credentials")
		}
	}
	switch f.from {
	case "start":
	case "new":
		cfg.New = true
	default:
		since, err := time.Parse(time.RFC3339, f.from)
		if err != nil {
			return cfg, usageError("--from %q: say start, new, or a time such as 2026-11-23T08:00:00Z", f.from)
		}
		cfg.Since = since
	}
	return cfg, nil
}

// next waits for a message, at most as long as the stream may be idle.
func (f *streamFlags) next(ctx context.Context, from *jetstream.Subscription) (*jetstream.Message, error) {
	if f.untilIdle > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.untilIdle)
		defer cancel()
	}
	return from.Next(ctx)
}

func subscribeError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit(exitInput, fmt.Errorf("%w: 'porevec embed' makes one, --store or --nats name another", err))
	}
	return exit(exitFailure, err)
}
