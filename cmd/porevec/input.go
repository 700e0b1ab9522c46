package main

import (
	"fmt"
	"strings"

	"github.com/porevec/porevec/replay"
)

// findInput lists the recorded files of the paths, at least one.
func findInput(paths []string, recursive bool) ([]string, error) {
	files, err := replay.FindFiles(paths, recursive)
	if err != nil {
		return nil, inputError(err)
	}
	if len(files) == 0 {
		hint := ""
		if !recursive {
			hint = "; --recursive looks into folders below"
		}
		return nil, exit(exitInput, fmt.Errorf("no .pod5 or .fast5 file in %s%s", strings.Join(paths, ", "), hint))
	}
	return files, nil
}
