package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/fixtures"
)

// A spool that is full makes a live run shed, and say so; when there is room, it goes on
// by itself. Everything is accounted for.
func TestFullSpoolLive(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 24, Reads: 60, MeanBases: 6000}); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, path, "--channels", "32", "--speed", "10x")
	address := "127.0.0.1:" + freePort(t)
	cmd := program(t, "live", "--host", s.host(), "--ca", s.CA, "--store", filepath.Join(dir, "store"), "--listen", address, "--json",
		"--spool", "100KB", "--message-size", "8KB", "--in-flight", "20KB", "--backlog", "32")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForBroker(t, "nats://"+address)

	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stats, err := conn.SubscribeSync("porevec.v1.*.*.*.stat")
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, reached func(liveStatus) bool) liveStatus {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var last liveStatus
		for {
			msg, err := stats.NextMsgWithContext(ctx)
			if err != nil {
				t.Fatalf("%s: %v; the last state is %+v", what, err, last)
			}
			last = liveStatus{}
			if err := json.Unmarshal(msg.Data, &last); err != nil {
				t.Fatal(err)
			}
			if reached(last) {
				return last
			}
		}
	}
	full := until("full", func(s liveStatus) bool { return s.Waiting != "" && s.ChunksShed > 0 })
	if full.StoreLimitBytes != 100e3 || full.StoreBytes == 0 || full.StoreBytes > 100e3 || full.DiskFreeBytes == 0 || full.Retries == 0 {
		t.Errorf("%+v", full.status)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "POREVEC")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	until("going on", func(s liveStatus) bool { return s.Acknowledged > full.Acknowledged+50 })
	if err := stream.Purge(t.Context()); err != nil { // so that what is under way finds room
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil { // the program checks its own accounts
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var r liveResult
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.ChunksShed == 0 || r.Acknowledged == 0 || r.Chunks != r.Acknowledged+r.ChunksShed+r.ChunksCancelled {
		t.Errorf("%+v", r)
	}
}
