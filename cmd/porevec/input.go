package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/porevec/porevec/replay"
)

// findInput lists the POD5 files of the paths, at least one.
func findInput(paths []string, recursive bool) ([]string, error) {
	files, err := replay.FindFiles(paths, recursive)
	if err != nil {
		return nil, inputError(err)
	}
	for _, path := range files {
		if strings.EqualFold(filepath.Ext(path), ".fast5") {
			return nil, exit(exitInput, fmt.Errorf("%s: FAST5 is not read yet; 'pod5 convert fast5' makes a POD5 file of it", path))
		}
	}
	if len(files) == 0 {
		hint := ""
		if !recursive {
			hint = "; --recursive looks into folders below"
		}
		return nil, exit(exitInput, fmt.Errorf("no .pod5 file in %s%s", strings.Join(paths, ", "), hint))
	}
	return files, nil
}
