package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/porevec/porevec/embed"
	"github.com/porevec/porevec/embed/ort"
	"github.com/porevec/porevec/index"
)

func newIndex(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Find reads in reference sequences",
		Long: `index build makes an index of targets from FASTA files, without any training.
index search says which target each read comes from, where and on which strand, how
sure that is, and after how many seconds of sequencing it was known. index show tells
what is in an index.`,
		Example: `  porevec index build lambda.fa ecoli.fa.gz -o panel.pvi
  porevec index search --index panel.pvi run/pod5
  porevec index show panel.pvi`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newIndexBuild(g), newIndexSearch(g), newIndexShow(), newIndexBench())
	return cmd
}

// buildFlags are the flags of porevec index build.
type buildFlags struct {
	model   string
	output  string
	windows []int
	stride  int
	decoys  int
	threads int
	json    bool
}

func newIndexBuild(g *global) *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build FASTA...",
		Short: "Make an index of reference sequences",
		Long: `build cuts both strands of the sequences into windows and embeds each with the
reference tower of a model, so that they lie among the vectors of reads. Reads of
that model's chemistry can then be sought, and no others.

FASTA may be gzipped, of several files and sequences. Soft-masked bases are bases. A
window of which more than a tenth is N or another ambiguous code is left out. Decoys,
stretches of the targets read backwards, are added: what is found there shows what
chance finds.`,
		Example: `  porevec index build lambda.fa -o lambda.pvi
  porevec index build --model dna_r9.4.1_450bps_4khz@v1 panel/*.fa.gz -o panel.pvi
  porevec index build --window 4096 big.fa -o big.pvi     for whole chunks only`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, g, paths) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.model, "model", defaultIndexModel, "encoder of the reads: an id from 'porevec model list', or an .onnx file with its reference tower beside it")
	flags.StringVarP(&f.output, "output", "o", "", "the .pvi file to write (required)")
	flags.IntSliceVar(&f.windows, "window", nil, "lengths of chunks to be found, in samples (default: whole ones and those of short reads)")
	flags.IntVar(&f.stride, "stride", index.DefaultStrideBases, "bases from one window's start to the next")
	flags.IntVar(&f.decoys, "decoys", index.DefaultDecoyBases, "most bases of decoys; 0: none, and no estimate of false answers")
	flags.IntVarP(&f.threads, "threads", "t", defaultThreads(), "windows that are embedded at once, one core each")
	flags.BoolVar(&f.json, "json", false, "end with one JSON object on stdout")
	return cmd
}

// defaultIndexModel is the encoder of the current chemistry.
const defaultIndexModel = "dna_r10.4.1_e8.2_400bps_5khz@v1"

func (f *buildFlags) run(cmd *cobra.Command, g *global, paths []string) error {
	switch {
	case f.output == "":
		return usageError("name the index to write with -o, e.g. -o panel.pvi")
	case f.stride < 1 || f.decoys < 0 || f.threads < 1:
		return usageError("--stride %d --decoys %d --threads %d: stride and threads must be above 0, decoys not below", f.stride, f.decoys, f.threads)
	}
	if err := regular(f.output); err != nil {
		return err
	}
	for _, name := range []string{f.output, f.output + ".part"} {
		if err := checkOutput("-o", name, paths...); err != nil {
			return err
		}
	}
	if !strings.EqualFold(filepath.Ext(f.output), ".pvi") { // of "-o panel/*.fa" the shell makes a FASTA file the output
		return usageError("-o %s: the name must end in .pvi", f.output)
	}
	log := g.logger()
	tower, err := embed.FindTower(f.model)
	if err != nil {
		return exit(exitModel, err)
	}
	if f.windows == nil {
		f.windows = chunkLengths(tower)
	}
	for _, w := range f.windows {
		if w < tower.MinSamples || w > tower.MaxSamples() {
			return usageError("--window %d: %s takes chunks of %d to %d samples", w, tower.ID, tower.MinSamples, tower.MaxSamples())
		}
	}
	// A build needs some hundred bytes per base for a while; the limit that main sets
	// would have the garbage collector run all the time.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(25)
	}
	var refs index.References
	for _, path := range paths {
		if err := refs.Add(path); err != nil {
			return exit(exitInput, err)
		}
	}
	shortest := int(math.Round(float64(slices.Min(f.windows)) / tower.SamplesPerBase))
	for _, c := range refs.Contigs() {
		if c.Length < shortest {
			log.Warn("sequence is too short to be found", "sequence", c.Name, "bases", c.Length, "needed", shortest)
		}
		if c.Ambiguous > 0 {
			log.Info("sequence has bases that are not certain", "sequence", c.Name, "bases", c.Length, "uncertain", c.Ambiguous)
		}
	}
	opened, err := ort.NewTower(tower)
	if err != nil {
		return exit(exitModel, err)
	}
	defer opened.Close()

	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	begin := time.Now()
	progress, finish := showCount(g.quiet, "windows")
	built, err := index.Build(ctx, &refs, index.BuildConfig{
		Tower: opened, Windows: f.windows, StrideBases: f.stride, DecoyBases: f.decoys, Threads: f.threads, Progress: progress,
	})
	finish()
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("interrupted; nothing was written"))
	case err != nil:
		return exit(exitInput, err)
	}
	target, err := realPath(f.output)
	if err == nil {
		err = built.Write(target)
	}
	if err != nil {
		return exit(exitFailure, err)
	}
	ix, err := index.Open(f.output)
	if err != nil {
		return exit(exitFailure, err)
	}
	defer ix.Close()
	return failure(showIndex(cmd.OutOrStdout(), f.output, ix, time.Since(begin), f.json))
}

// chunkLengths are those that an index is made for unless others are asked for: from
// the longest chunk to the shortest, each shorter by so much that every length
// between is near enough to one.
func chunkLengths(tower embed.Tower) []int {
	var lengths []int
	for length := float64(tower.MaxSamples()); math.Round(length) >= float64(tower.MinSamples); length /= math.Sqrt2 {
		lengths = append(lengths, int(math.Round(length)))
	}
	return lengths
}

func newIndexShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show FILE.pvi", Short: "What is in an index", Args: args(cobra.ExactArgs(1)),
		Long:    `show checks an index against its checksums and tells what it holds.`,
		Example: `  porevec index show panel.pvi --json | jq .contigs`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			ix, err := openIndex(paths[0])
			if err != nil {
				return err
			}
			defer ix.Close()
			return failure(showIndex(cmd.OutOrStdout(), paths[0], ix, 0, asJSON))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

func openIndex(path string) (*index.Index, error) {
	ix, err := index.Open(path)
	if err != nil {
		return nil, exit(exitInput, err)
	}
	return ix, nil
}

func showIndex(w io.Writer, path string, ix *index.Index, took time.Duration, asJSON bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Path            string  `json:"path"`
			Bytes           int64   `json:"bytes"`
			Digest          string  `json:"digest"`
			ElapsedS        float64 `json:"elapsed_s,omitempty"`
			PeakMemoryBytes uint64  `json:"peak_memory_bytes,omitempty"`
			*index.Header
		}{path, info.Size(), ix.Digest, took.Seconds(), peakMemory(), &ix.Header})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	targets := 0
	for _, c := range ix.Contigs {
		if !c.Decoy {
			targets++
		}
	}
	fmt.Fprintf(t, "index\t%s, %.1f MB, %.1f bytes per base, digest %.16s\n", path, float64(info.Size())/1e6, float64(info.Size())/float64(ix.Bases()), ix.Digest)
	fmt.Fprintf(t, "model\t%s\n", ix.Model.ID)
	fmt.Fprintf(t, "targets\t%d sequences of %d bases from %d files, and %d decoys\n", targets, ix.Bases(), len(ix.Files), len(ix.Contigs)-targets)
	for _, l := range ix.Layers {
		fmt.Fprintf(t, "windows\t%d of %d bases every %d, for chunks of %d samples (%d decoys, %d cells)\n", l.Count, l.Span, ix.StrideBases, l.Window, l.Decoys, l.Cells)
	}
	if took > 0 {
		fmt.Fprintf(t, "time\t%v\n", took.Round(time.Millisecond))
	}
	return t.Flush()
}
