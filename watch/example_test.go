package watch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/porevec/porevec/pod5"
	"github.com/porevec/porevec/watch"
)

// complete says whether a POD5 file has its end.
func complete(path string) (bool, error) {
	file, err := pod5.Open(path)
	if errors.Is(err, pod5.ErrUnfinished) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, file.Close()
}

func Example() {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file, err := pod5.Create(filepath.Join(dir, "run_0.pod5"), pod5.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}

	dealtWith, err := watch.OpenLog(filepath.Join(dir, ".porevec-watch"))
	if err != nil {
		log.Fatal(err)
	}
	defer dealtWith.Close()
	w, err := watch.New(dir, watch.Options{
		Recursive:  true,
		Extensions: []string{".pod5"},
		Finished:   complete,
		Seen:       dealtWith,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	for {
		f, err := w.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Name) // embed it, and when its vectors are durable:
		if err := dealtWith.Add(f); err != nil {
			log.Fatal(err)
		}
		w.Stop() // one is enough here
	}
	// Output: run_0.pod5
}
