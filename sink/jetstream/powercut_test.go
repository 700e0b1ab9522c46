//go:build powercut

package jetstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/porevec/porevec/internal/powercut"
	"github.com/porevec/porevec/signal"
)

// The tests of this file cut the power: a process writes to a store on a file system of
// its own, is stopped at a random moment, and what the block device holds then is
// mounted again. They need root, and mkfs.ext4; `make test-powercut` runs them.

// carelessMode is a server that acknowledges before anything is on disk, as NATS does
// by default. It must lose vectors: if it does not, the test finds nothing.
const carelessMode = "careless"

// writerVariable makes the test program the writer: its value is mode:store.
const writerVariable = "POREVEC_TEST_WRITER"

// rowsPerMessage and the recipe make messages of 4 kB.
const rowsPerMessage = 128

func rounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("POREVEC_ROUNDS"))
	if err != nil {
		n = 8
	}
	return n
}

// sourceRows are the rows of a replay: read n has the vector (n, 0, …).
func sourceRows(from, to int) []signal.Chunk { return reads(testRun("run"), "a.pod5", from, to, 1) }

// TestWriter is the process that loses its power. It tells on its output how many rows
// were acknowledged (a) and how many a subscriber has seen (s).
func TestWriter(t *testing.T) {
	mode, store, is := strings.Cut(os.Getenv(writerVariable), ":")
	if !is {
		t.Skip("only for TestPowerCut")
	}
	s := openMode(t, mode, store, "127.0.0.1:0")
	var acknowledged atomic.Int64
	go func() {
		sub, err := Subscribe(context.Background(), SubscribeConfig{URL: s.URL()})
		if err != nil {
			panic(err)
		}
		for seen := 0; ; {
			m, err := sub.Next(context.Background())
			if err != nil {
				return
			}
			seen += m.Batch.Len()
			fmt.Printf("s %d\n", seen)
		}
	}()
	for from := 0; ; from += rowsPerMessage {
		if err := s.Put(t.Context(), vectorsOf(testRecipe, sourceRows(from, from+rowsPerMessage)), func(err error) {
			if err == nil {
				fmt.Printf("a %d\n", acknowledged.Add(rowsPerMessage))
			}
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// openMode opens a sink on a store.
func openMode(t *testing.T, mode, store, listen string) *Sink {
	cfg := Config{Store: store, Rig: "rig", Listen: listen, MaxAge: time.Millisecond}
	if mode != carelessMode {
		cfg.Durability = Durability(mode)
		return open(t, cfg)
	}
	// In mode Group the server itself is careless; what makes up for it is left out.
	l, err := embed(t.Context(), serverConfig{store: store, listen: listen, durability: Group, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.openStream(t.Context(), false, 0); err != nil {
		t.Fatal(err)
	}
	cfg.Store, cfg.Listen, cfg.URL = "", "", l.server.Server().ClientURL()
	t.Cleanup(l.close)
	return open(t, cfg)
}

func TestPowerCut(t *testing.T) {
	for _, mode := range []string{string(Always), string(Group), carelessMode} {
		t.Run(mode, func(t *testing.T) {
			var total outcome
			for range rounds(t) {
				o := cutPower(t, mode)
				t.Logf("after %v: %d rows acknowledged, %d seen by a subscriber, %d recovered", o.after, o.acknowledged, o.seen, o.recovered)
				total.acknowledged += o.acknowledged
				total.lost += max(0, o.acknowledged-o.recovered)
				total.phantom += max(0, o.seen-o.recovered)
			}
			t.Logf("%s: %d power cuts, %d rows acknowledged, %d of them lost, %d seen by a subscriber that were lost",
				mode, rounds(t), total.acknowledged, total.lost, total.phantom)
			switch {
			case mode == carelessMode && total.lost == 0:
				t.Error("nothing was lost without a sync: these tests find nothing")
			case mode != carelessMode && total.lost > 0:
				t.Errorf("%d acknowledged rows were lost", total.lost)
			case mode == string(Always) && total.phantom > 0:
				t.Errorf("%d rows that a subscriber saw were lost", total.phantom)
			}
		})
	}
}

// outcome is what a power cut left, in rows.
type outcome struct {
	after                         time.Duration
	acknowledged, seen, recovered int
	lost, phantom                 int
}

func cutPower(t *testing.T, mode string) outcome {
	t.Helper()
	disk := powercut.NewDisk(t)
	writer := exec.Command(os.Args[0], "-test.run=^TestWriter$")
	writer.Env = append(os.Environ(), writerVariable+"="+mode+":"+filepath.Join(disk.Dir, "store"))
	told, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	writer.Stderr = &stderr
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	var o outcome
	first, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		for lines := bufio.NewScanner(told); lines.Scan(); {
			kind, text, _ := strings.Cut(lines.Text(), " ")
			n, _ := strconv.Atoi(text)
			switch kind {
			case "a":
				if o.acknowledged == 0 {
					close(first)
				}
				o.acknowledged = n
			case "s":
				o.seen = n
			}
		}
	}()
	select {
	case <-first:
	case <-time.After(20 * time.Second):
		t.Fatalf("the writer does not write: %s", stderr.String())
	}
	o.after = time.Duration(rand.Int64N(int64(6 * time.Second)))
	time.Sleep(o.after)

	// What it had said until then is in the pipe.
	after := disk.Cut(t, writer.Process, func() { <-finished; _ = writer.Wait() })
	defer after.Close()
	store := filepath.Join(after.Dir, "store")
	o.recovered = recovered(t, store)
	if mode != carelessMode {
		// The same command goes on, and everything is there once.
		s := openMode(t, mode, store, "")
		more := sourceRows(0, max(o.acknowledged, o.recovered)+1000) // what was stored need not have been told
		put(t, s, testRecipe, more, 100, new(settled).done)
		s.Close()
		checkStored(t, all(t, SubscribeConfig{Store: store}), more)
	}
	return o
}

// recovered counts the rows, which must be the first ones of the source, in order.
func recovered(t *testing.T, store string) int {
	t.Helper()
	sub, err := Subscribe(t.Context(), SubscribeConfig{Store: store})
	if err != nil {
		t.Logf("the store cannot be read: %v", err)
		return 0
	}
	defer sub.Close()
	for n := 0; ; {
		m, err := sub.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Batch.Len() {
			if got := m.Batch.Row(i).Vector[0]; got != float32(n) {
				t.Fatalf("row %d is of read %v", n, got)
			}
			n++
		}
	}
}
