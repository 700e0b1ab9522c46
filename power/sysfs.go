package power

import (
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// tree is the root of a file system in which the kernel tells about itself in
// small files.
type tree struct{ fs.FS }

// mostText bounds what is read of a file: memory.stat, the longest, has 3 KB.
const mostText = 64 << 10

func (t tree) text(path string) (string, error) {
	f, err := t.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostText))
	return strings.TrimSpace(string(b)), err
}

// name is the text of a file that may be missing.
func (t tree) name(path string) string {
	s, err := t.text(path)
	if err != nil {
		return ""
	}
	return s
}

func (t tree) number(path string) (int64, error) {
	s, err := t.text(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}

func (t tree) exists(path string) bool {
	_, err := fs.Stat(t, path)
	return err == nil
}

// glob lists what is there. Its patterns are ours, so none is malformed, and a folder
// that cannot be listed is empty.
func (t tree) glob(pattern string) []string {
	found, _ := fs.Glob(t, pattern)
	return found
}

// field is the number behind a name at the beginning of a line, as in /proc/meminfo
// ("MemAvailable:   1234 kB") and memory.stat ("inactive_file 1234").
func field(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == name {
			n, err := strconv.ParseUint(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
