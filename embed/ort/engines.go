package ort

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/porevec/porevec/embed"
)

// engineCache is the folder of what a provider compiled of a model: minutes of work that
// holds for this file, these cards with their driver, this runtime and this TensorRT. It is
// "" where there can be none: then the provider compiles at every start.
func engineCache(m *embed.Model, d Device) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "porevec", "engines", fmt.Sprintf("%s-%s-%.8s-ort%s", d.provider, m.Digest[:16], architecture(os.DirFS("/"), libraryFolders()), RuntimeVersion()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ""
	}
	return dir
}

// libraryFolders are those where TensorRT's library usually lies.
func libraryFolders() []string {
	loading.Lock()
	beside := filepath.Dir(loaded)
	loading.Unlock()
	return append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), beside,
		"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/tensorrt/lib")
}

// architecture is a hash of the models of the graphics cards, of their driver, and of the
// names of TensorRT's libraries, which end in its version. What else the driver tells of a
// card (its interrupt, say) changes with each start of the computer.
func architecture(root fs.FS, folders []string) string {
	hash := sha256.New()
	cards, _ := fs.Glob(root, "proc/driver/nvidia/gpus/*/information")
	for _, path := range cards {
		text, _ := fs.ReadFile(root, path)
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if bytes.HasPrefix(lines.Bytes(), []byte("Model:")) {
				fmt.Fprintf(hash, "%s\n", lines.Bytes())
			}
		}
	}
	version, _ := fs.ReadFile(root, "proc/driver/nvidia/version") // none without such a card
	hash.Write(version)
	var libraries []string
	for _, folder := range folders {
		found, _ := fs.Glob(root, strings.TrimPrefix(filepath.Join(folder, "libnvinfer.so.*"), "/"))
		for _, path := range found {
			libraries = append(libraries, filepath.Base(path))
		}
	}
	slices.Sort(libraries)
	fmt.Fprint(hash, slices.Compact(libraries))
	return fmt.Sprintf("%x", hash.Sum(nil))
}
