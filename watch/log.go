package watch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/porevec/porevec/internal/durable"
)

// Log remembers, in a file, which files of one watched folder were dealt with. The
// file is text: after a first line that says what it is, one JSON object per file.
// Lines are only added. A last line that a power cut has torn is cut off, and its
// file is handed out once more.
//
// A Log may be used by several goroutines, but its file by only one Log.
type Log struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of whole lines, in bytes
	done memory
}

// logHead is the first line. It keeps a mistaken path from destroying a file.
const logHead = `{"porevec_watch_log":1}` + "\n"

// OpenLog reads the log at path, or begins one.
func OpenLog(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{file: file, done: newMemory()}
	if err := l.load(); err != nil {
		file.Close()
		return nil, fmt.Errorf("open log %s: %w", path, err)
	}
	return l, nil
}

// load reads all lines and cuts off what comes after the last one.
func (l *Log) load() error {
	in := bufio.NewReader(l.file)
	head := make([]byte, len(logHead))
	n, err := io.ReadFull(in, head)
	switch {
	case err == nil && string(head) == logHead:
		l.size = int64(n)
	case (err == io.EOF || err == io.ErrUnexpectedEOF) && strings.HasPrefix(logHead, string(head[:n])):
		return l.begin() // empty, or torn when it was begun
	case err == nil || err == io.ErrUnexpectedEOF:
		return errors.New("this is another file, not a log of watched files")
	default:
		return err
	}
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			if len(line) > 0 { // torn
				return l.file.Truncate(l.size)
			}
			return nil
		}
		if err != nil {
			return err
		}
		l.size += int64(len(line))
		var f File
		// A damaged line loses one file's memory, and no more: handing out a file
		// again is better than leaving one out.
		if json.Unmarshal(line, &f) == nil {
			l.done.add(f)
		}
	}
}

// begin writes the head.
func (l *Log) begin() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	if err := l.append([]byte(logHead)); err != nil {
		return err
	}
	durable.SyncDir(filepath.Dir(l.file.Name()))
	return nil
}

// Has says whether a file was added, in this life or an earlier one.
func (l *Log) Has(f File) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done.has(f)
}

// Add notes that a file was dealt with: when it returns, that is durable. Call it
// when all that was made of the file is durable, and not before.
func (l *Log) Add(f File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done.has(f) {
		return nil
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("add to log: %w", err)
	}
	if err := l.append(line.Bytes()); err != nil {
		return fmt.Errorf("add to log: %w", err)
	}
	l.done.add(f)
	return nil
}

// append adds a line, or nothing at all.
func (l *Log) append(line []byte) error {
	_, err := l.file.WriteAt(line, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(line))
	return nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
