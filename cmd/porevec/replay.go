package main

import (
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/replay"
)

// replayFlags say which reads of recorded runs are taken.
type replayFlags struct {
	recursive bool
	readIDs   string
	maxReads  uint64
}

func (f *replayFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.recursive, "recursive", "r", false, "look into folders below the given ones too")
	flags.StringVarP(&f.readIDs, "read-ids", "l", "", "only the reads listed in this file, one id a line")
	flags.Uint64VarP(&f.maxReads, "max-reads", "n", 0, "stop after this many reads (0: all)")
}

// open makes a source of files. subset names the choice of reads, "" is all.
func (f *replayFlags) open(log *slog.Logger, files []string) (source *replay.Source, subset string, err error) {
	options := replay.Options{MaxReads: f.maxReads, Log: log}
	if f.readIDs != "" {
		if options.ReadIDs, err = readIDList(f.readIDs); err != nil {
			return nil, "", inputError(err)
		}
		subset = subsetName(options.ReadIDs)
	}
	return replay.NewSource(replay.List(files), options), subset, nil
}

// warn tells of reads that came twice, and names those of the list that a whole
// replay did not find.
func (f *replayFlags) warn(log *slog.Logger, source *replay.Source) {
	if twice := source.Duplicates(); twice.Reads > 0 {
		log.Warn("reads came more than once, and so do their vectors", "reads", twice.Reads,
			"first", twice.First.String(), "file", twice.File, "also in", twice.Other)
	}
	if unmet := source.Unmet(); len(unmet) > 0 && f.maxReads == 0 {
		log.Warn("reads of the list are in none of the files", "list", f.readIDs, "reads", len(unmet), "first", unmet[0].String())
	}
}
