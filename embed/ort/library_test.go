package ort_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/porevec/porevec/embed/ort"
)

// The library is loaded once per process: looking for it is tested in children of
// this test binary, which print what Init said.
func TestMain(m *testing.M) {
	if os.Getenv("POREVEC_TEST_INIT") == "" {
		os.Exit(m.Run())
	}
	err := ort.Init()
	var missing *ort.LibraryError
	switch {
	case errors.As(err, &missing):
		os.Stdout.WriteString("missing: " + err.Error())
	case err != nil:
		os.Stdout.WriteString("other: " + err.Error())
	default:
		os.Stdout.WriteString("loaded: " + ort.RuntimeVersion())
	}
	os.Exit(0)
}

// initIn says what Init gives in an environment of its own.
func initIn(t *testing.T, env ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(env, "POREVEC_TEST_INIT=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestMissingLibrary(t *testing.T) {
	empty := t.TempDir()
	text := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "libonnxruntime.so.1.20.0")
	buildOldLibrary(t, old)
	for _, c := range []struct {
		name, path string
		want       string
	}{
		{"absent", filepath.Join(empty, "no", "such.so"), "does not exist"},
		{"empty folder", empty, "no libonnxruntime.so in this folder"},
		{"no library", text, text + ": "},
		{"too old", old, "older than " + ort.MinVersion},
		{"too old in a folder", filepath.Dir(old), "older than " + ort.MinVersion},
	} {
		got := initIn(t, "POREVEC_ORT="+c.path, "HOME="+empty)
		for _, want := range []string{"missing: ", "POREVEC_ORT " + c.path, c.want, "make deps"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", c.name, got, want)
			}
		}
		if strings.Contains(got, "cache ") {
			t.Errorf("%s: other places were tried although POREVEC_ORT is set: %q", c.name, got)
		}
	}
}

// buildOldLibrary makes a library that knows no API of the number asked for.
func buildOldLibrary(t *testing.T, path string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "old.c")
	code := `typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } base;
static const void *api(unsigned n) { (void)n; return 0; }
static const char *version(void) { return "1.20.0"; }
static const base b = { api, version };
const base *OrtGetApiBase(void) { return &b; }
`
	if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
}

func TestPlacesInOrder(t *testing.T) {
	cache := t.TempDir()
	folder := filepath.Join(cache, "porevec", "ort-"+ort.Version)
	got := initIn(t, "XDG_CACHE_HOME="+cache)
	if strings.HasPrefix(got, "loaded: ") {
		t.Skip("the system has an ONNX Runtime of its own")
	}
	last := -1
	for _, place := range []string{"beside the executable ", "cache " + folder, "system libonnxruntime.so.1", "system libonnxruntime.so:"} {
		at := strings.Index(got, place)
		if at <= last {
			t.Errorf("%q is not in its place in %q", place, got)
		}
		last = at
	}
}

func TestFindsLibraryByFileAndFolder(t *testing.T) {
	if err := ort.Init(); err != nil {
		t.Skip(err)
	}
	if v := ort.RuntimeVersion(); !regexp.MustCompile(`^1\.\d+\.\d+`).MatchString(v) {
		t.Errorf("version %q", v)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(cache, "porevec", "ort-"+ort.Version, runtime.GOOS+"-"+runtime.GOARCH, "libonnxruntime.so")
	if _, err := os.Stat(lib); err != nil {
		t.Skip("the library in use is not from make deps: ", err)
	}
	for _, path := range []string{lib, filepath.Dir(lib)} {
		if got := initIn(t, "POREVEC_ORT="+path); got != "loaded: "+ort.RuntimeVersion() {
			t.Errorf("POREVEC_ORT=%s: %s", path, got)
		}
	}
}

func TestScriptFetchesVersion(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "fetch-ort.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "\nversion="+ort.Version+"\n") {
		t.Errorf("scripts/fetch-ort.sh does not fetch %s, whose cache folder Init looks in", ort.Version)
	}
}
