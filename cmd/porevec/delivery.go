package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink"
	"github.com/porevec/porevec/sink/checkpoint"
	"github.com/porevec/porevec/sink/file"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// defaultStore is where the JetStream inside of this program keeps its files.
const defaultStore = "porevec-store"

// deliveryFlags say where vectors go.
type deliveryFlags struct {
	output string
	pool   string
	nats   string
	creds  string
	store  string
	listen string
	browse string
	pages  []string
	rig    string

	durability   string
	syncInterval time.Duration
	spool        byteSize
	minFree      byteSize
	messageSize  byteSize
	inFlight     byteSize

	// maxAge is the longest wait of a vector for its message to fill; 0: the sink's own.
	maxAge time.Duration

	// choice is what a replay is limited to, so that a part is never taken for the whole
	// when it is resumed.
	choice checkpoint.Choice
}

func (f *deliveryFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.output, "output", "o", "", "write vectors to this .parquet, .arrow, .npy or .ndjson file, or as NDJSON to - (stdout)")
	registerPool(flags, &f.pool)
	flags.StringVar(&f.nats, "nats", "embedded", "embedded, off, or the URL of a server (off with -o, unless this, --store, --listen or --websocket is set)")
	flags.StringVar(&f.creds, "nats-creds", "", "credentials file for the server of --nats")
	flags.StringVar(&f.store, "store", defaultStore, "folder of the embedded server's stream")
	flags.StringVar(&f.listen, "listen", "", "let others on this computer connect to the embedded server, e.g. 127.0.0.1:4222")
	flags.StringVar(&f.browse, "websocket", "", "let pages in a browser on this computer connect to the embedded server, e.g. 127.0.0.1:8222")
	flags.StringSliceVar(&f.pages, "websocket-origin", []string{"http://localhost:8000", "http://127.0.0.1:8000"}, "where those pages are served")
	flags.StringVar(&f.rig, "rig", "", "name of this computer in subjects (default: its host name)")
	flags.StringVar(&f.durability, "durability", string(jetstream.Always),
		"when the embedded server has a vector on disk: always (a sync per message) or group (one per --sync-interval, which a slow disk may need); 'porevec doctor' measures")
	flags.DurationVar(&f.syncInterval, "sync-interval", 100*time.Millisecond, "time between two syncs of --durability group")
	flags.Var(&f.spool, "spool", "most that the stream in --store may take, e.g. 50GB; then a replay waits and a live run sheds, until there is room (0: as much as the disk has)")
	flags.Var(&f.minFree, "min-free", "what the disk of --store keeps free, e.g. 10GB (0: 2GiB, or 5 % of a smaller disk)")
	f.messageSize = 256 << 10
	f.inFlight = 16 << 20
	flags.Var(&f.inFlight, "in-flight", "most memory of vectors that wait to be durable; beyond it a replay waits and a live run sheds")
	flags.Var(&f.messageSize, "message-size", "cut messages at this size, 512KiB at most; larger ones need fewer syncs")
}

// validate settles what the flags mean together.
func (f *deliveryFlags) validate(flags *pflag.FlagSet) error {
	if f.creds != "" && f.nats == "embedded" {
		return usageError("--nats-creds is for another server, and --nats names none: the embedded one asks for no credentials")
	}
	if f.output != "" && !flags.Changed("nats") && !flags.Changed("store") && !flags.Changed("listen") && !flags.Changed("websocket") {
		f.nats = "off"
	}
	switch {
	case f.nats == "off" && f.output == "":
		return usageError("--nats off leaves nowhere to deliver to: name a file with -o")
	case f.nats == "off" && f.listen+f.browse != "":
		return usageError("--listen and --websocket need the embedded server, but --nats is off")
	case f.nats != "embedded" && (flags.Changed("durability") || flags.Changed("spool") || flags.Changed("min-free")):
		return usageError("--durability, --spool and --min-free are for the embedded server; another one has settings of its own")
	case f.nats != "off" && f.nats != "embedded" && !strings.Contains(f.nats, "://"):
		return usageError("--nats %q: must be embedded, off, or a URL such as nats://host:4222", f.nats)
	}
	if f.nats != "off" {
		if err := f.jetstream(nil).Validate(); err != nil {
			return exit(exitUsage, err)
		}
	}
	if f.output != "" && f.output != "-" && !file.Known(f.output) {
		return usageError("-o %q: the name must end in .parquet, .arrow, .npy or .ndjson, or be -", f.output)
	}
	return validatePool(f.pool, f.output)
}

// files are all that -o may write.
func (f *deliveryFlags) files() []string {
	if f.output == "" || f.output == "-" {
		return nil
	}
	return file.Names(f.output)
}

// checkOutput refuses an -o that cannot be written, or would be written over an input.
func (f *deliveryFlags) checkOutput(inputs ...string) error {
	return checkVectors(f.files(), inputs...)
}

// checkVectors is checkOutput of the files that -o may write.
func checkVectors(files []string, inputs ...string) error {
	for _, name := range files {
		if err := checkOutput("-o", name, inputs...); err != nil {
			return err
		}
	}
	return nil
}

// checkApart refuses another flag's file that -o writes too.
func (f *deliveryFlags) checkApart(flag, path string) error {
	for _, name := range f.files() {
		if samePath(name, path) {
			return usageError("%s %s: -o %s writes that file: name another", flag, path, f.output)
		}
	}
	return nil
}

func registerPool(flags *pflag.FlagSet, pool *string) {
	flags.StringVar(pool, "pool", "", "in the file of -o, one vector per read: mean (of its chunks' vectors, normalized again)")
}

func validatePool(pool, output string) error {
	switch {
	case pool != "" && pool != wire.PoolMean:
		return usageError("--pool %q: must be mean", pool)
	case pool != "" && (output == "" || output == "-"):
		return usageError("--pool is for files: name one with -o")
	}
	return nil
}

func (f *deliveryFlags) jetstream(log *slog.Logger) jetstream.Config {
	cfg := jetstream.Config{Credentials: f.creds, Rig: f.rig, Choice: f.choice, MaxBytes: int(f.messageSize), InFlight: int64(f.inFlight), MaxAge: f.maxAge, Log: log}
	if f.nats == "embedded" {
		cfg.Store, cfg.Listen, cfg.WebSocket, cfg.Origins = f.store, f.listen, f.browse, f.pages
		cfg.Durability, cfg.SyncInterval = jetstream.Durability(f.durability), f.syncInterval
		cfg.StoreBytes, cfg.MinFree = int64(f.spool), int64(f.minFree)
	} else {
		cfg.URL = f.nats
	}
	return cfg
}

// destination is where the vectors of a run go.
type destination struct {
	sink sink.Sink
	// stored is nil where nothing is remembered from earlier runs.
	stored stored
	stream *jetstream.Sink // nil without NATS
	name   string
}

// open makes the sinks. What is opened is closed by closing destination.sink.
func (f *deliveryFlags) open(ctx context.Context, log *slog.Logger) (*destination, error) {
	var d destination
	if f.nats != "off" {
		stream, err := jetstream.Open(ctx, f.jetstream(log))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(stream.Refused(), func() { log.Warn(jetstream.ErrRefused.Error()) })
		d.stream, d.sink, d.stored, d.name = stream, stream, stream.Stored, "JetStream in "+f.store
		if f.nats != "embedded" {
			d.name = "JetStream at " + f.nats
		}
		if url := stream.URL(); f.listen != "" {
			d.name += ", listening on " + url
			log.Info("others may subscribe", "url", url)
		}
		if url := stream.WebSocketURL(); url != "" {
			d.name += ", pages at " + url
			log.Info("pages in a browser may subscribe", "url", url)
		}
	}
	if f.output == "" {
		return &d, nil
	}
	if f.output == "-" {
		f.tee(&d, file.NDJSON(os.Stdout), nil)
		return &d, nil
	}
	out, err := file.Create(f.output, file.Options{Choice: f.choice, Pool: f.pool})
	if err != nil {
		if d.stream != nil {
			err = errors.Join(err, d.stream.Close())
		}
		return nil, fmt.Errorf("-o: %w", err)
	}
	if out.Resumed() {
		log.Info("an interrupted run is gone on with", "file", f.output+".part")
	}
	f.tee(&d, out, out.Stored)
	return &d, nil
}

// stored says whether a sink has a chunk.
type stored func(context.Context, *signal.Recipe, signal.Chunk) (bool, error)

// tee adds a sink for the output to what is there. A chunk is passed over only when both
// have it; each passes over what it has.
func (f *deliveryFlags) tee(d *destination, out sink.Sink, has stored) {
	if d.stream == nil {
		d.sink, d.stored, d.name = out, has, f.output
		return
	}
	stream := d.stored
	d.sink, d.stored, d.name = sink.Tee(out, d.stream), nil, d.name+" and "+f.output
	if has != nil {
		d.stored = func(ctx context.Context, recipe *signal.Recipe, c signal.Chunk) (bool, error) {
			if there, err := has(ctx, recipe, c); err != nil || !there {
				return false, err
			}
			return stream(ctx, recipe, c)
		}
	}
}
