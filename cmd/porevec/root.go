package main

import (
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/porevec/porevec/internal/version"
)

// global holds the flags that every command has.
type global struct {
	config  string
	quiet   bool
	verbose bool
	format  logFormat
}

func newRoot() *cobra.Command { return newRootFor(new(global)) }

// newRootFor makes the tree of commands, whose common flags are put into g.
func newRootFor(g *global) *cobra.Command {
	root := &cobra.Command{
		Use:   "porevec",
		Short: "Embeddings of raw nanopore signal, while it is being measured",
		Long: `porevec reads the raw current of nanopore sequencers, cuts it into chunks,
embeds each chunk with a quantized neural network and publishes the vectors to
NATS JetStream or to a file. It never basecalls, and it works offline.

Data goes to stdout; logs and progress go to stderr. Every flag can also be set
by an environment variable (--max-reads: POREVEC_MAX_READS) or in a TOML file
(--config); a flag wins over the environment, that over the file.

Exit codes: 0 done · 1 error · 2 usage · 3 done, but reads or files were skipped
as corrupt · 4 input not found or not supported · 5 model or device · 6 delivery
incomplete · 7 done, and a watch list raised an alarm · 130 interrupted.`,
		Example: `  porevec embed run/                     embed a recorded run into ./porevec-store
  porevec subscribe                      print what is in there
  porevec embed run/ -o vectors.parquet  write a file instead
  porevec inspect --plot read.png a.pod5 look at a file`,
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := applySettings(cmd, g.config, os.LookupEnv); err != nil {
				return exit(exitUsage, err)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w (see %q)", plain(err), cmd.CommandPath()+" --help")
	})
	flags := root.PersistentFlags()
	flags.StringVar(&g.config, "config", "", "TOML file with settings named like the flags")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no progress and no messages but errors")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "more messages")
	g.format = "auto"
	flags.Var(&g.format, "log-format", "text, json, or auto: text on a terminal, else JSON")
	root.AddCommand(
		newEmbed(g), newWatch(g), newLive(g), newSimulate(g), newSubscribe(g), newInspect(g), newRecover(g), newModel(g), newIndex(g), newBench(g), newStore(g), newHub(g), newConfig(g), newDoctor(g), newVersion(),
	)
	return root
}

// logger writes to stderr: text for people, JSON for machines.
func (g *global) logger() *slog.Logger {
	level := slog.LevelInfo
	switch {
	case g.quiet:
		level = slog.LevelError
	case g.verbose:
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	var out io.Writer = os.Stderr
	if isTerminal(os.Stderr) {
		out = ownLine{os.Stderr}
	}
	if g.format == "text" || g.format == "auto" && isTerminal(os.Stderr) {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

// logFormat is a flag that takes nothing else, so that a configuration with a wrong
// one is found before it is used.
type logFormat string

func (f *logFormat) String() string { return string(*f) }
func (f *logFormat) Type() string   { return "string" }

func (f *logFormat) Set(text string) error {
	if text != "auto" && text != "text" && text != "json" {
		return errors.New("say auto, text or json")
	}
	*f = logFormat(text)
	return nil
}

// ownLine is a terminal on which a message takes the place of a line of progress, which
// comes again below it.
type ownLine struct{ terminal *os.File }

func (o ownLine) Write(message []byte) (int, error) {
	const toBeginAndErase = "\r\x1b[K"
	n, err := o.terminal.Write(append([]byte(toBeginAndErase), message...))
	return max(0, n-len(toBeginAndErase)), err
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// args wraps a check of positional arguments so that its failure is a usage
// error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError("%w (see %q)", err, cmd.CommandPath()+" --help")
		}
		return nil
	}
}
