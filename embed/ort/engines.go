package ort

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/porevec/porevec/embed"
)

// engineCache is the folder of what a provider compiled of a model: minutes of work that
// holds for this file, this processor with its driver, and this runtime. It is "" where
// there can be none: then the provider compiles at every start.
func engineCache(m *embed.Model, d Device) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "porevec", "engines", fmt.Sprintf("%s-%s-%.8s-ort%s", d.provider, m.Digest[:16], architecture(), RuntimeVersion()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ""
	}
	return dir
}

// architecture is a hash of what the drivers tell of the graphics cards.
func architecture() string {
	cards, _ := filepath.Glob("/proc/driver/nvidia/gpus/*/information")
	slices.Sort(cards)
	hash := sha256.New()
	for _, path := range append(cards, "/proc/driver/nvidia/version") {
		text, _ := os.ReadFile(path) // none without such a card
		hash.Write(text)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}
