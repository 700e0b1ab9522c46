package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsstream "github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/sink/jetstream"
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
	address := freeAddress(t)
	cmd := program(t, "live", "--host", s.host(), "--ca", s.CA, "--store", filepath.Join(dir, "store"), "--listen", address, "--json",
		"--spool", "100KB", "--message-size", "8KB", "--in-flight", "20KB", "--backlog", "32")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForBroker(t, "nats://"+address)

	conn, stats := listenToStat(t, address)
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
	js, err := natsstream.New(conn)
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

// A replay waits for room in its spool, made by another program, and then goes on.
func TestStoreDrop(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	first, second, store := simulatedRun(t, 20), t.TempDir(), filepath.Join(t.TempDir(), "store")
	if _, err := fixtures.WriteRun([]string{filepath.Join(second, "b.pod5")}, fixtures.RunSpec{Seed: 5, Reads: 8}); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "embed", first, "--store", store).want(t, 0)
	var before jetstream.Contents
	if err := json.Unmarshal([]byte(runProgram(t, "store", "list", "--store", store, "--json").want(t, 0).stdout), &before); err != nil {
		t.Fatal(err)
	}
	if len(before.Runs) != 1 || before.Runs[0].Messages == 0 || before.Bytes == 0 {
		t.Fatalf("%+v", before)
	}
	address := freeAddress(t)
	cmd := program(t, "embed", second, "--store", store, "--listen", address, "--spool", fmt.Sprint(before.Bytes+2000), "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	waitForBroker(t, "nats://"+address)
	run := before.Runs[0].Run
	runProgram(t, "store", "drop", "--nats", "nats://"+address).want(t, exitUsage)
	runProgram(t, "store", "drop", "nosuchrun", "--nats", "nats://"+address).want(t, exitInput)
	if o := runProgram(t, "store", "drop", run, "--nats", "nats://"+address).want(t, 0); !strings.Contains(o.stdout, "--yes") {
		t.Error(o.stdout)
	}
	runProgram(t, "store", "drop", "--before", "1h", "--yes", "--nats", "nats://"+address).want(t, 0) // none
	runProgram(t, "store", "drop", run, "--yes", "--nats", "nats://"+address).want(t, 0)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var r result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Acknowledged != r.Chunks || r.Chunks == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if !strings.Contains(stderr.String(), "porevec store drop") {
		t.Errorf("it was not full, or did not say what to do: %s", stderr.String())
	}
	if o := runProgram(t, "store", "list", "--store", store).want(t, 0); strings.Contains(o.stdout, run) {
		t.Error(o.stdout)
	}
}

// listenToStat subscribes to what a program says once a second, until the test ends.
func listenToStat(t *testing.T, address string) (*nats.Conn, *nats.Subscription) {
	t.Helper()
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	stats, err := conn.SubscribeSync("porevec.v1.*.*.*.stat")
	if err != nil {
		t.Fatal(err)
	}
	return conn, stats
}
