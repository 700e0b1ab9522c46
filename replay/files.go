package replay

import (
	"context"
	"io"
	"os"
)

// Files names the files of a replay, one after the other.
type Files interface {
	// Next gives the next file, waiting for it if need be; io.EOF ends the replay.
	// Another error says why a file will not come; Next goes on after it.
	Next(context.Context) (path string, err error)
	// Bytes is the size of all files that are known of so far. It may be called
	// from any goroutine.
	Bytes() int64
}

// List is a fixed list of files.
func List(paths []string) Files {
	l := &list{paths: paths}
	for _, path := range paths {
		l.bytes += fileSize(path)
	}
	return l
}

type list struct {
	paths []string
	bytes int64
}

func (l *list) Next(context.Context) (string, error) {
	if len(l.paths) == 0 {
		return "", io.EOF
	}
	path := l.paths[0]
	l.paths = l.paths[1:]
	return path, nil
}

func (l *list) Bytes() int64 { return l.bytes }

// fileSize is 0 when it cannot be had.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
