package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/fixtures"
)

// benchLiveFlags are the flags of porevec bench live.
type benchLiveFlags struct {
	channels []int
	length   time.Duration
	piece    time.Duration
	maxReads int
	threads  int
	json     bool
}

func newBenchLive(_ *global) *cobra.Command {
	var f benchLiveFlags
	cmd := &cobra.Command{
		Use:   "live",
		Short: "Measure how many channels of a sequencer this computer follows",
		Long: `live simulates sequencers with more and more channels, all of them busy, at the
sequencer's pace, in a process of their own, and follows them with 'porevec live' in
another: from the stream of signal to the acknowledgement of the vectors on disk. It
shows how long a chunk takes, what it costs, and what is shed when it is too much.

The simulator runs on the same cores, and takes its share of them: without it, more
channels would be followed.`,
		Example: `  porevec bench live
  porevec bench live --channels 512 --length 10m     a full MinION for long
  porevec bench live --channels 3000,6000 --json`,
		Args: args(cobra.NoArgs),
		RunE: interruptible(func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }),
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&f.channels, "channels", []int{512, 1500, 3000, 6000, 9000}, "channels to simulate; more than 3000 on several positions")
	flags.DurationVar(&f.length, "length", 30*time.Second, "of each run")
	flags.DurationVar(&f.piece, "piece", 800*time.Millisecond, "how much of a read is sent at a time")
	flags.IntVar(&f.maxReads, "reads", 400, "reads of the run that is simulated again and again")
	flags.IntVarP(&f.threads, "threads", "t", defaultThreads(), "encoders that run at once, one core each")
	flags.BoolVar(&f.json, "json", false, "one JSON object on stdout")
	return cmd
}

// benchLiveRow is one run.
type benchLiveRow struct {
	Channels     int            `json:"channels"`
	Seconds      float64        `json:"seconds"`
	Chunks       uint64         `json:"chunks"`
	ChunksPerS   float64        `json:"chunks_per_s"` // acknowledged
	ChunksShed   uint64         `json:"chunks_shed"`
	ShedSamples  uint64         `json:"shed_samples"` // before they were cut
	Shares       *channelShares `json:"shed_by_channel,omitempty"`
	LatencyMS    liveLatency    `json:"latency_ms"`
	MergedPieces uint64         `json:"merged_pieces"`
	Gaps         uint64         `json:"gaps"`
	CPUSeconds   float64        `json:"cpu_s"`
	SimulatorCPU float64        `json:"simulator_cpu_s"`
	// MemoryBytes is what was resident after a third, after two thirds and at the end of
	// the run, and at most.
	MemoryBytes [4]uint64 `json:"memory_bytes"`
}

// benchLiveResult is what bench live --json prints.
type benchLiveResult struct {
	CPU    string         `json:"cpu"`
	Cores  int            `json:"cores"`
	PieceS float64        `json:"piece_s"`
	Rows   []benchLiveRow `json:"rows"`
}

func (f *benchLiveFlags) run(cmd *cobra.Command) error {
	if f.length < 3*time.Second || f.maxReads < 1 || len(f.channels) == 0 {
		return usageError("--length must be at least 3s, --reads at least 1, and --channels must name some")
	}
	if f.piece <= 0 || f.threads < 1 {
		return usageError("--piece %v --threads %d: both must be above 0", f.piece, f.threads)
	}
	for _, n := range f.channels {
		if n < 1 || n > 48*3000 || n > 3000 && n%3000 != 0 {
			return usageError("--channels %d: up to 3000, or a multiple of it", n)
		}
	}
	dir, err := os.MkdirTemp("", "porevec-bench-*")
	if err != nil {
		return exit(exitFailure, err)
	}
	defer os.RemoveAll(dir)
	run := filepath.Join(dir, "run.pod5")
	if _, err := fixtures.WriteRun([]string{run}, fixtures.RunSpec{Seed: 1, Reads: f.maxReads, MeanBases: 4000}); err != nil {
		return exit(exitFailure, err)
	}
	result := benchLiveResult{CPU: cpuName(), Cores: runtime.GOMAXPROCS(0), PieceS: f.piece.Seconds()}
	if !f.json {
		result.printHead(cmd.OutOrStdout())
	}
	for i, channels := range f.channels {
		row, err := f.measure(cmd.Context(), run, filepath.Join(dir, strconv.Itoa(i)), channels)
		if err != nil {
			return exit(exitFailure, fmt.Errorf("%d channels: %w", channels, err))
		}
		result.Rows = append(result.Rows, *row)
		if !f.json {
			row.print(cmd.OutOrStdout())
		}
	}
	if f.json {
		return failure(json.NewEncoder(cmd.OutOrStdout()).Encode(result))
	}
	return nil
}

// measure plays one run.
func (f *benchLiveFlags) measure(ctx context.Context, run, dir string, channels int) (*benchLiveRow, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // the next run's store needs the room
	positions := max(1, channels/3000)
	ctx, cancel := context.WithTimeout(ctx, f.length+2*time.Minute)
	defer cancel()

	sim := exec.CommandContext(ctx, self, "simulate", run, "--json", "--quiet", "--dir", filepath.Join(dir, "sim"), "--repeat",
		"--positions", strconv.Itoa(positions), "--channels", strconv.Itoa(channels/positions), "--length", f.length.String(), "--piece", f.piece.String())
	sim.Stderr = os.Stderr
	where, err := start(sim)
	if err != nil {
		return nil, err
	}
	defer func() { // whatever happened, it is gone afterwards
		cancel()
		_ = sim.Wait()
	}()
	live := exec.CommandContext(ctx, self, "live", "--json", "--quiet", "--host", fmt.Sprintf("localhost:%d", where.Port), "--ca", where.CA,
		"--runs", strconv.Itoa(positions), "--store", filepath.Join(dir, "store"), "--threads", strconv.Itoa(f.threads))
	live.Stderr = os.Stderr
	out, err := live.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := live.Start(); err != nil {
		return nil, err
	}
	memory := watchMemory(live.Process.Pid, f.length)
	var result liveResult
	err = json.NewDecoder(out).Decode(&result)
	row := &benchLiveRow{Channels: channels, MemoryBytes: memory()}
	if err = errors.Join(err, live.Wait()); err != nil {
		return nil, err
	}
	row.take(&result)
	row.MemoryBytes[3] = result.PeakMemoryBytes
	row.CPUSeconds = cpuTime(live)
	if err := ended(sim, where.out); err != nil {
		return nil, err
	}
	row.SimulatorCPU = cpuTime(sim)
	return row, nil
}

// listening is a simulator that listens.
type listening struct {
	Port int
	CA   string
	out  *bufio.Reader
}

// start starts a simulator and waits until it listens.
func start(sim *exec.Cmd) (*listening, error) {
	pipe, err := sim.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := sim.Start(); err != nil {
		return nil, err
	}
	l := &listening{out: bufio.NewReader(pipe)}
	line, err := l.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, l)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the simulator said %q: %w", line, err), sim.Process.Kill(), sim.Wait())
	}
	return l, nil
}

// ended waits for the end of a simulator.
func ended(sim *exec.Cmd, out *bufio.Reader) error {
	if _, err := io.Copy(io.Discard, out); err != nil {
		return err
	}
	return sim.Wait()
}

func cpuTime(c *exec.Cmd) float64 {
	return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
}

func (r *benchLiveRow) take(l *liveResult) {
	r.Seconds, r.Chunks, r.ChunksShed, r.LatencyMS, r.Shares = l.ElapsedS, l.Chunks, l.ChunksShed, *l.LatencyMS, l.Shares
	r.ChunksPerS = float64(l.Acknowledged) / l.ElapsedS
	for _, p := range l.Positions {
		r.ShedSamples += p.ShedSamples
		r.MergedPieces += p.Merged
		r.Gaps += p.Gaps + p.HeadsMissing
	}
}

// watchMemory looks at a process now and then. What it gives stops that, and tells how
// much was resident after a third, two thirds and all of the time.
func watchMemory(pid int, length time.Duration) (finish func() [4]uint64) {
	begin := time.Now()
	var seen [4]uint64
	stop := every(200*time.Millisecond, func() {
		if now := residentMemory(pid); now > 0 {
			third := min(int(3*time.Since(begin)/length), 2)
			seen[third] = now
		}
	})
	return func() [4]uint64 {
		stop()
		return seen
	}
}

func (r *benchLiveResult) printHead(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores, the simulator on the same ones; pieces of %g s\n\n", r.CPU, r.Cores, r.PieceS)
	fmt.Fprintf(w, "%8s %9s %7s %18s %23s %8s %8s %22s\n", "", "", "", "shed of a channel", "ms to acknowledgement", "cores", "", "MB of memory")
	fmt.Fprintf(w, "%8s %9s %7s %6s %5s %5s %7s %7s %7s %8s %8s %22s\n",
		"channels", "chunks/s", "shed", "least", "mean", "most", "p50", "p99", "most", "live", "simul.", "1/3, 2/3, end, most")
}

func (r *benchLiveRow) print(w io.Writer) {
	const mb = 1_000_000
	m := r.MemoryBytes
	var shares channelShares
	if r.Shares != nil {
		shares = *r.Shares
	}
	fmt.Fprintf(w, "%8d %9.0f %6.2f%% %5.1f%% %4.1f%% %4.1f%% %7.0f %7.0f %7.0f %8.2f %8.2f %22s\n", r.Channels, r.ChunksPerS,
		100*float64(r.ChunksShed)/float64(max(r.Chunks, 1)), 100*shares.Least, 100*shares.Mean, 100*shares.Most,
		r.LatencyMS.P50, r.LatencyMS.P99, r.LatencyMS.Max, r.CPUSeconds/r.Seconds, r.SimulatorCPU/r.Seconds,
		fmt.Sprintf("%d, %d, %d, %d", m[0]/mb, m[1]/mb, m[2]/mb, m[3]/mb))
}
