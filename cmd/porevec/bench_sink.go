package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/hub"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// minionVectorsPerS is what a MinION makes with every channel sequencing: 512 channels at
// 5 kHz, a vector per 4096 samples.
const minionVectorsPerS = 512 * 5000 / 4096.0

type benchSinkFlags struct {
	json    bool
	dir     string
	seconds float64
	dim     int
	dtype   string
}

func newBenchSink() *cobra.Command {
	var f benchSinkFlags
	cmd := &cobra.Command{
		Use:   "sink",
		Short: "Measure how fast vectors become durable, and what that costs",
		Long: `sink stores vectors with the embedded server, in each mode of durability and with
messages of several sizes: as fast as it goes, and then at the pace of a MinION. The
last row is a hub on this computer that catches up with a rig.

What a durable message costs depends on the disk: name a folder of the one that is
meant (--dir). A row's processor time is that of the whole program, server included.`,
		Example: `  porevec bench sink
  porevec bench sink --dir /data --seconds 5
  porevec bench sink --json | jq '.rows[] | {mode, message_bytes, vectors_per_s}'`,
		Args: args(cobra.NoArgs),
		RunE: interruptible(func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "one JSON object on stdout")
	flags.StringVar(&f.dir, "dir", ".", "folder to make temporary stores in")
	flags.Float64Var(&f.seconds, "seconds", 3, "time spent on each row; those at the pace of a MinION take twice as long")
	flags.IntVar(&f.dim, "dim", 128, "values of a vector")
	flags.StringVar(&f.dtype, "dtype", wire.Float16, "float16 or float32")
	return cmd
}

// sinkRow is one measurement.
type sinkRow struct {
	Mode         string  `json:"mode"`
	MessageBytes int     `json:"message_bytes"`
	Pace         string  `json:"pace"` // max, or that of a MinION with its longest wait for a message to fill
	VectorsPerS  float64 `json:"vectors_per_s"`
	MBPerS       float64 `json:"mb_per_s"` // of payload
	MessagesPerS float64 `json:"messages_per_s"`
	CPUPerVector float64 `json:"cpu_us_per_vector"`
	Cores        float64 `json:"cores"` // busy on average
	AckP50MS     float64 `json:"ack_p50_ms"`
	AckP99MS     float64 `json:"ack_p99_ms"`
}

type benchSinkResult struct {
	CPU             string    `json:"cpu"`
	Cores           int       `json:"cores"`
	Dir             string    `json:"dir"`
	SyncMS          float64   `json:"sync_ms"` // median of a write and sync of 256 KB
	Dim             int       `json:"dim"`
	DType           string    `json:"dtype"`
	Rows            []sinkRow `json:"rows"`
	CatchUpMBPerS   float64   `json:"hub_catch_up_mb_per_s"`
	CatchUpVectors  float64   `json:"hub_catch_up_vectors_per_s"`
	PeakMemoryBytes uint64    `json:"peak_memory_bytes,omitempty"`
}

func (f *benchSinkFlags) run(cmd *cobra.Command) error {
	if f.dim < 1 || f.dim > 4096 || f.dtype != wire.Float16 && f.dtype != wire.Float32 {
		return usageError("--dim must be in 1..4096, --dtype float16 or float32")
	}
	if err := validateSeconds(f.seconds); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(f.dir, "porevec-bench-*")
	if err != nil {
		return inputError(err)
	}
	defer os.RemoveAll(dir)
	result := benchSinkResult{CPU: cpuName(), Cores: runtime.GOMAXPROCS(0), Dir: f.dir, Dim: f.dim, DType: f.dtype}
	cost, err := measureSync(filepath.Join(dir, "store"))
	if err != nil {
		return exit(exitDelivery, err)
	}
	result.SyncMS = milliseconds(cost.median)
	modes := []jetstream.Durability{jetstream.Always}
	if runtime.GOOS == "linux" {
		modes = append(modes, jetstream.Group)
	}
	b := sinkBench{ctx: cmd.Context(), flags: f, dir: dir}
	for _, mode := range modes {
		for _, size := range []int{16 << 10, 64 << 10, 256 << 10, 512 << 10} {
			row, err := b.full(mode, size)
			if err != nil {
				return exit(exitDelivery, err)
			}
			result.Rows = append(result.Rows, row)
		}
		for _, age := range []time.Duration{250 * time.Millisecond, liveAge} {
			row, err := b.paced(mode, age)
			if err != nil {
				return exit(exitDelivery, err)
			}
			result.Rows = append(result.Rows, row)
		}
	}
	if result.CatchUpVectors, result.CatchUpMBPerS, err = b.catchUp(); err != nil {
		return exit(exitDelivery, err)
	}
	result.PeakMemoryBytes = peakMemory()
	if f.json {
		return failure(json.NewEncoder(cmd.OutOrStdout()).Encode(result))
	}
	return failure(result.print(cmd.OutOrStdout()))
}

func (r *benchSinkResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores; %s: a write and sync of 256 KB takes %.2g ms; vectors of %d × %s\n\n", r.CPU, r.Cores, r.Dir, r.SyncMS, r.Dim, r.DType)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "DURABILITY\tMESSAGE\tPACE\tVECTORS/S\tMB/S\tMESSAGES/S\tµs CPU/VECTOR\tCORES\tDURABLE AFTER, ms\tMINIONS\t\n")
	for _, row := range r.Rows {
		fmt.Fprintf(out, "%s\t%d KiB\t%s\t%.0f\t%.1f\t%.0f\t%.1f\t%.3f\t%.0f (p99 %.0f)\t%.0f\t\n", row.Mode, row.MessageBytes>>10, row.Pace,
			row.VectorsPerS, row.MBPerS, row.MessagesPerS, row.CPUPerVector, row.Cores, row.AckP50MS, row.AckP99MS, row.VectorsPerS/minionVectorsPerS)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nA hub on this computer catches up at %.0f vectors/s (%.0f MB/s). Memory %d MB at most.\n",
		r.CatchUpVectors, r.CatchUpMBPerS, r.PeakMemoryBytes/1e6)
	return err
}

// sinkBench makes rows.
type sinkBench struct {
	ctx    context.Context
	flags  *benchSinkFlags
	dir    string
	stores int // made so far
}

// feed hands vectors to a sink that is being measured.
type feed struct {
	sink  *jetstream.Sink
	run   *signal.Run
	batch signal.Embedded
	reads uint64

	mu    sync.Mutex
	waits []time.Duration // of batches, from Put to durable
}

const feedRows = 8 // vectors that are handed over at a time, as an encoder does

func (b *sinkBench) open(mode jetstream.Durability, size int, age time.Duration) (*feed, error) {
	b.stores++
	return b.openIn(filepath.Join(b.dir, fmt.Sprint("store", b.stores)), jetstream.Config{Durability: mode, MaxBytes: size, MaxAge: age})
}

func (b *sinkBench) openIn(store string, cfg jetstream.Config) (*feed, error) {
	cfg.Store, cfg.Rig, cfg.Log = store, "bench", slog.New(slog.DiscardHandler)
	s, err := jetstream.Open(b.ctx, cfg)
	if err != nil {
		return nil, err
	}
	recipe := &signal.Recipe{ModelID: "bench@v1", ModelDigest: "0123456789abcdef", Window: 4096, Hop: 4096, Dim: b.flags.dim, DType: b.flags.dtype}
	return &feed{
		sink: s, run: &signal.Run{AcquisitionID: "bench", Position: "X1", SampleRateHz: 5000},
		batch: signal.Embedded{Recipe: recipe, Dim: recipe.Dim, Chunks: make([]signal.Chunk, feedRows), Vectors: make([]float32, feedRows*recipe.Dim)},
	}, nil
}

// put hands a batch over. Live reads come from no file.
func (f *feed) put(ctx context.Context, live bool) error {
	read := &signal.Read{Run: f.run, Channel: 1, Origin: signal.Origin{Source: "bench.pod5", Ordinal: f.reads}}
	if live {
		read.Origin = signal.Origin{}
	}
	f.reads++
	for i := range f.batch.Chunks {
		f.batch.Chunks[i] = signal.Chunk{Read: read, Index: uint32(i), Start: uint64(i) * 4096, Samples: 4096}
	}
	begin := time.Now()
	return f.sink.Put(ctx, &f.batch, func(error) { // Flush tells of failures
		f.mu.Lock()
		defer f.mu.Unlock()
		f.waits = append(f.waits, time.Since(begin))
	})
}

// row is what has been measured since begin.
func (f *feed) row(begin time.Time, processor time.Duration) sinkRow {
	took, busy := time.Since(begin).Seconds(), (processTime() - processor).Seconds()
	stats := f.sink.Stats()
	slices.Sort(f.waits)
	return sinkRow{
		VectorsPerS: float64(stats.Rows) / took, MBPerS: float64(stats.Bytes) / took / 1e6, MessagesPerS: float64(stats.Messages) / took,
		CPUPerVector: busy * 1e6 / float64(stats.Rows), Cores: busy / took,
		AckP50MS: milliseconds(f.waits[len(f.waits)/2]), AckP99MS: milliseconds(f.waits[len(f.waits)*99/100]),
	}
}

// full stores as fast as it goes.
func (b *sinkBench) full(mode jetstream.Durability, size int) (sinkRow, error) {
	f, err := b.open(mode, size, 0)
	if err != nil {
		return sinkRow{}, err
	}
	defer f.sink.Close()
	begin, processor := time.Now(), processTime()
	for n := 0; n == 0 || time.Since(begin).Seconds() < b.flags.seconds; n++ {
		if err := f.put(b.ctx, false); err != nil {
			return sinkRow{}, err
		}
	}
	if err := f.sink.Flush(b.ctx); err != nil {
		return sinkRow{}, err
	}
	row := f.row(begin, processor)
	row.Mode, row.MessageBytes, row.Pace = string(mode), size, "max"
	return row, nil
}

// paced stores what a full MinION makes; vectors wait so long for a message to fill.
func (b *sinkBench) paced(mode jetstream.Durability, age time.Duration) (sinkRow, error) {
	const size = 256 << 10
	f, err := b.open(mode, size, age)
	if err != nil {
		return sinkRow{}, err
	}
	defer f.sink.Close()
	begin, processor := time.Now(), processTime()
	for n := 0; n == 0 || time.Since(begin).Seconds() < 2*b.flags.seconds; n++ {
		due := begin.Add(time.Duration(float64(n) * feedRows / minionVectorsPerS * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-b.ctx.Done():
			return sinkRow{}, b.ctx.Err()
		}
		if err := f.put(b.ctx, true); err != nil {
			return sinkRow{}, err
		}
	}
	if err := f.sink.Flush(b.ctx); err != nil {
		return sinkRow{}, err
	}
	row := f.row(begin, processor)
	row.Mode, row.MessageBytes, row.Pace = string(mode), size, fmt.Sprintf("MinION, %v", age)
	return row, nil
}

// catchUp measures how fast a hub gets what a rig stored while it was away.
func (b *sinkBench) catchUp() (vectorsPerS, mbPerS float64, err error) {
	home, err := hub.Make(filepath.Join(b.dir, "hub"))
	if err != nil {
		return 0, 0, err
	}
	ca, err := home.MakeTLS([]string{"localhost"})
	if err != nil {
		return 0, 0, err
	}
	config, err := home.TLS()
	if err != nil {
		return 0, 0, err
	}
	server, err := hub.Serve(b.ctx, hub.Config{Store: filepath.Join(b.dir, "hub"), Rigs: "127.0.0.1:0", TLS: config})
	if err != nil {
		return 0, 0, err
	}
	defer server.Close()
	store := filepath.Join(b.dir, "rig")
	f, err := b.openIn(store, jetstream.Config{})
	if err != nil {
		return 0, 0, err
	}
	for begin, n := time.Now(), 0; err == nil && (n == 0 || time.Since(begin).Seconds() < b.flags.seconds); n++ {
		err = f.put(b.ctx, false)
	}
	err = errors.Join(err, f.sink.Flush(b.ctx))
	stored := f.sink.Stats()
	if err = errors.Join(err, f.sink.Close()); err != nil {
		return 0, 0, err
	}
	creds, err := home.Add("bench", hub.Rig)
	if err != nil {
		return 0, 0, err
	}
	at, _ := server.Addresses()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(at, "tls://"))
	if err != nil {
		return 0, 0, err
	}
	if err := (jetstream.Join{URL: "tls://localhost:" + port, Rig: "bench"}).Save(store, creds, ca); err != nil {
		return 0, 0, err
	}
	time.Sleep(2 * time.Second) // the hub knows its new rig
	if f, err = b.openIn(store, jetstream.Config{}); err != nil {
		return 0, 0, err
	}
	defer f.sink.Close()
	var begin time.Time
	for {
		status := server.Rigs(b.ctx)[0]
		switch {
		case begin.IsZero() && status.Sequence > 0:
			begin = time.Now()
			vectorsPerS = float64(status.Sequence) // what came before is not counted
		case status.Sequence == stored.Messages:
			took := time.Since(begin).Seconds()
			share := 1 - vectorsPerS/float64(stored.Messages)
			return share * float64(stored.Rows) / took, share * float64(stored.Bytes) / took / 1e6, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-b.ctx.Done():
			return 0, 0, b.ctx.Err()
		}
	}
}
