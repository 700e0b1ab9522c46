package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/porevec/porevec/signal"
)

// readIDList reads one read id a line. Empty lines and lines that begin with #
// are passed over, and so is a heading "read_id", as in lists cut out of tables.
func readIDList(path string) (map[signal.ReadID]struct{}, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ids := make(map[signal.ReadID]struct{})
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text == "read_id" || strings.HasPrefix(text, "#") {
			continue
		}
		id, err := signal.ParseReadID(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %q: %w", path, n, text, err)
		}
		ids[id] = struct{}{}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: no read ids in it", path)
	}
	return ids, nil
}

// subsetName stands for a choice of reads in checkpoints: the same choice has
// the same name, whatever the order of its list.
func subsetName(ids map[signal.ReadID]struct{}) string {
	if ids == nil {
		return ""
	}
	sorted := make([]signal.ReadID, 0, len(ids))
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.SortFunc(sorted, func(a, b signal.ReadID) int { return slices.Compare(a[:], b[:]) })
	sum := sha256.New()
	for _, id := range sorted {
		sum.Write(id[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
