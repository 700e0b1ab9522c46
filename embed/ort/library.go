package ort

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"
)

// Version is the ONNX Runtime that make deps installs and the tests use. Any
// from MinVersion on works: the binding asks for API 24.
const (
	Version    = "1.27.0"
	MinVersion = "1.24"
)

// LibraryError says that no usable ONNX Runtime was found.
type LibraryError struct {
	// Tried names each place and what was wrong with it, in order.
	Tried []string
}

// Error lists the places and says what to do.
func (e *LibraryError) Error() string {
	return "no usable ONNX Runtime (" + MinVersion + " or newer); tried:\n  " + strings.Join(e.Tried, "\n  ") +
		"\ninstall it with 'make deps', or set POREVEC_ORT to libonnxruntime.so or its folder"
}

var (
	loading sync.Mutex
	loaded  string // what Init gave to the dynamic loader
)

// Init loads ONNX Runtime into the process, once; after a failure it may be called
// again. It takes the first library that works of
//
//	POREVEC_ORT       a file or a folder; when set, no other place is tried
//	lib/              beside the executable
//	the cache         porevec/ort-1.27.0/<os>-<arch>/ in $XDG_CACHE_HOME or ~/.cache
//	the system        what the dynamic loader finds
//
// or fails with a [LibraryError].
func Init() error {
	loading.Lock()
	defer loading.Unlock()
	if onnx.IsInitialized() {
		return nil
	}
	var e LibraryError
	for _, place := range places() {
		path, err := place.library()
		if err == nil {
			onnx.SetSharedLibraryPath(path)
			err = onnx.InitializeEnvironment()
		}
		if err == nil {
			loaded = path
			return nil
		}
		e.Tried = append(e.Tried, fmt.Sprintf("%s %s: %s", place.name, place.path, reason(err)))
	}
	return &e
}

// RuntimeVersion is the loaded library's own version; "" before [Init].
func RuntimeVersion() string {
	loading.Lock()
	defer loading.Unlock()
	if !onnx.IsInitialized() {
		return ""
	}
	return onnx.GetVersion()
}

// folder is where the loaded library lies, and its providers beside it.
func folder() string {
	loading.Lock()
	defer loading.Unlock()
	if filepath.Base(loaded) != loaded {
		return filepath.Dir(loaded)
	}
	// The dynamic loader found it.
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if at := strings.IndexByte(line, '/'); at >= 0 && strings.HasPrefix(filepath.Base(line[at:]), "libonnxruntime.so") {
			return filepath.Dir(line[at:])
		}
	}
	return ""
}

// place is where a library may be: a file, a folder, or, without any slash, a
// name for the dynamic loader.
type place struct{ name, path string }

func places() []place {
	if path := os.Getenv("POREVEC_ORT"); path != "" {
		return []place{{"POREVEC_ORT", path}}
	}
	var list []place
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		list = append(list, place{"beside the executable", filepath.Join(filepath.Dir(exe), "lib")})
	}
	if cache, err := os.UserCacheDir(); err == nil {
		folder := filepath.Join(cache, "porevec", "ort-"+Version, runtime.GOOS+"-"+runtime.GOARCH)
		list = append(list, place{"cache", folder})
	}
	// Distributions install the name with a number; the other one is a link of
	// their development packages.
	return append(list, place{"system", "libonnxruntime.so.1"}, place{"system", "libonnxruntime.so"})
}

// library is the path for the dynamic loader.
func (p place) library() (string, error) {
	if p.name == "system" {
		return p.path, nil
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return "", err
	}
	path := p.path
	if info.IsDir() {
		files, err := filepath.Glob(filepath.Join(path, "libonnxruntime.so*"))
		if err != nil || len(files) == 0 {
			return "", errors.New("no libonnxruntime.so in this folder")
		}
		path = files[0]
	}
	// A relative path without a slash would send the loader to the system.
	return filepath.Abs(path)
}

// reason shortens what the binding and the loader say.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "does not exist"
	}
	text := err.Error()
	if strings.Contains(text, "Error setting ORT API base") {
		return "older than " + MinVersion
	}
	if _, loader, ok := strings.Cut(text, `": `); ok { // after the quoted path
		return loader
	}
	return text
}
