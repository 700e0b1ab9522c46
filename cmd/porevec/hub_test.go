package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func freePort(t *testing.T) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(freeAddress(t))
	return port
}

// TestHubCommands goes the way of an operator: two rigs that worked without a network
// bring their vectors to a hub.
func TestHubCommands(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	rigs, clients := freePort(t), freePort(t)
	runProgram(t, "hub", "init", "--store", at("hub")).want(t, exitUsage) // no name
	runProgram(t, "hub", "init", "--store", at("hub"), "--name", "localhost", "--rigs-port", rigs, "--clients-port", clients).want(t, 0)
	runProgram(t, "hub", "init", "--store", at("hub"), "--name", "localhost").want(t, exitUsage) // twice
	serve := program(t, "hub", "serve", "--store", at("hub"))
	var log strings.Builder
	serve.Stderr = &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if serve.ProcessState == nil {
			_ = serve.Process.Kill()
			_ = serve.Wait()
		}
		if t.Failed() {
			t.Logf("hub: %s", log.String())
		}
	}()
	waitForBroker(t, "nats://127.0.0.1:"+clients)

	runProgram(t, "hub", "invite", "lab", "--subscriber", "--store", at("hub"), "-o", at("lab.creds")).want(t, 0)
	var want [2][]vector
	for i, rig := range []string{"rig1", "rig2"} {
		run, store, creds := simulatedRun(t, 10+i), at(rig), at(rig+".creds")
		runProgram(t, "embed", run, "--store", store, "--rig", rig, "--dtype", "float32").want(t, 0)
		runProgram(t, "hub", "sync", "--store", store).want(t, exitUsage) // in no hub yet
		runProgram(t, "hub", "invite", rig, "--store", at("hub"), "-o", creds).want(t, 0)
		runProgram(t, "hub", "invite", rig, "--store", at("hub"), "-o", creds+"2").want(t, exitUsage) // is a member
		if o := runProgram(t, "hub", "invite", "other", "--store", at("hub"), "-o", creds).want(t, exitUsage); !strings.Contains(o.stderr, "move it away") {
			t.Error(o.stderr)
		}
		runProgram(t, "hub", "join", "--store", store, "--creds", filepath.Join(run, "a.pod5")).want(t, exitInput)
		runProgram(t, "hub", "join", "--store", store, "--creds", creds).want(t, 0)
		runProgram(t, "hub", "sync", "--store", store).want(t, 0)
		want[i] = vectors(t, runProgram(t, "subscribe", "--store", store, "--json").want(t, 0).stdout)
	}
	for i, rig := range []string{"rig1", "rig2"} {
		got := vectors(t, runProgram(t, "subscribe", "--nats", "tls://localhost:"+clients, "--nats-creds", at("lab.creds"), "--rig", rig, "--json", "--until-idle", "1s").want(t, 0).stdout)
		if d := cmp.Diff(want[i], got); d != "" || len(got) < 20 {
			t.Errorf("%s: the hub has other vectors (-want +got):\n%s", rig, d)
		}
	}
	// The hub's owner sees what it holds and makes room while it runs, and not with the
	// commands for a rig's store.
	if o := runProgram(t, "hub", "runs", "--store", at("hub"), "--rig", "rig2").want(t, 0); strings.Contains(o.stdout, "rig1") || !strings.Contains(o.stdout, "rig2") {
		t.Error(o.stdout)
	}
	if o := runProgram(t, "hub", "drop", "--store", at("hub"), "--rig", "rig2", "--all").want(t, 0); !strings.Contains(o.stdout, "say --yes") {
		t.Error(o.stdout)
	}
	for _, deleted := range []string{"1 run deleted", "0 runs deleted"} {
		if o := runProgram(t, "hub", "drop", "--store", at("hub"), "--rig", "rig2", "--all", "--yes").want(t, 0); !strings.Contains(o.stdout, deleted) || !strings.Contains(o.stdout, "stays") {
			t.Error(o.stdout)
		}
	}
	if o := runProgram(t, "hub", "runs", "--store", at("hub")).want(t, 0); strings.Count(o.stdout, "stays") != 1 {
		t.Error(o.stdout)
	}
	runProgram(t, "hub", "drop", "--store", at("hub"), "--yes").want(t, exitUsage)
	runProgram(t, "hub", "drop", "--store", at("hub"), "--all", "--before", "100000h", "--yes").want(t, exitUsage)
	if got := vectors(t, runProgram(t, "subscribe", "--nats", "tls://localhost:"+clients, "--nats-creds", at("lab.creds"), "--rig", "rig1", "--json", "--until-idle", "1s").want(t, 0).stdout); len(got) != len(want[0]) {
		t.Errorf("the hub has %d vectors of rig1, and %d before another rig's were dropped", len(got), len(want[0]))
	}
	if o := runProgram(t, "store", "list", "--store", at("hub")).want(t, exitFailure); !strings.Contains(o.stderr, "hub runs") {
		t.Error(o.stderr)
	}
	// Under another name the hub would miss what is there.
	runProgram(t, "embed", simulatedRun(t, 2), "--store", at("rig1"), "--rig", "other").want(t, exitDelivery)
	runProgram(t, "hub", "invite", "rig3", "--store", at("hub"), "-o", at("rig3.creds")).want(t, 0)
	runProgram(t, "hub", "leave", "--store", at("rig1")).want(t, 0)
	if o := runProgram(t, "hub", "join", "--store", at("rig1"), "--creds", at("rig3.creds")).want(t, exitUsage); !strings.Contains(o.stderr, "invite it as rig1") {
		t.Error(o.stderr)
	}
	// Nobody without credentials.
	runProgram(t, "subscribe", "--nats", "tls://localhost:"+clients, "--until-idle", "1s").want(t, exitFailure)

	runProgram(t, "hub", "remove", "rig2", "--store", at("hub")).want(t, 0)
	members := map[string]listedMember{}
	for line := range strings.Lines(runProgram(t, "hub", "list", "--store", at("hub"), "--json").want(t, 0).stdout) {
		var m listedMember
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		members[m.Name] = m
	}
	// Who was removed is told so, and goes on without the hub.
	refused := runProgram(t, "hub", "sync", "--store", at("rig2"), "--follow").want(t, exitDelivery)
	if n := strings.Count(refused.stdout+refused.stderr, "refuses"); n != 1 || !strings.Contains(refused.stderr, "removed") || strings.Contains(refused.stderr, "ERROR") {
		t.Errorf("said %d times: %s", n, refused.stderr)
	}
	if len(members) != 4 || members["rig1"].Sequence == 0 || members["rig2"].Removed.IsZero() || !members["rig1"].Removed.IsZero() {
		t.Errorf("%+v", members)
	}
	if info, err := os.Stat(at("rig1.creds")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credentials are readable: %v %v", info.Mode(), err)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("the hub ended with %v: %s", err, log.String())
	}
}

// Of what was mistaken for something else, nothing is made.
func TestHubMistaken(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, command := range [][]string{{"serve"}, {"invite", "rig1", "-o", at("rig1.creds")}, {"list"}, {"runs"}, {"remove", "rig1"}} {
		o := runProgram(t, append(append([]string{"hub"}, command...), "--store", at("nothing"))...).want(t, exitFailure)
		if !strings.Contains(o.stderr, "hub init") {
			t.Errorf("%v: %s", command, o.stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	runProgram(t, "hub", "init", "--store", at("hub"), "--name", "localhost").want(t, 0)
	if o := runProgram(t, "hub", "invite", "lab", "--subscriber", "--store", at("hub"), "-o", at("lab.creds")).want(t, 0); strings.Contains(o.stderr, "address") {
		t.Error(o.stderr)
	}
	if o := runProgram(t, "hub", "join", "--store", at("rig"), "--creds", at("lab.creds")).want(t, exitInput); !strings.Contains(o.stderr, "subscriber") {
		t.Error(o.stderr)
	}
	if err := os.Remove(filepath.Join(at("hub"), "hub", "address.json")); err != nil {
		t.Fatal(err)
	}
	if o := runProgram(t, "hub", "invite", "rig1", "--store", at("hub"), "-o", at("rig1.creds")).want(t, 0); !strings.Contains(o.stderr, "address") {
		t.Error(o.stderr)
	}
}

// What others can reach needs a certificate.
func TestHubNeedsTLS(t *testing.T) {
	store := t.TempDir()
	runProgram(t, "hub", "init", "--store", store, "--name", "localhost").want(t, 0)
	if err := os.Remove(filepath.Join(store, "hub", "server.crt")); err != nil {
		t.Fatal(err)
	}
	o := runProgram(t, "hub", "serve", "--store", store).want(t, exitFailure)
	if !strings.Contains(o.stderr, "needs TLS") || !strings.Contains(o.stderr, "hub init") {
		t.Error(o.stderr)
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.1:seven"} {
		if o := runProgram(t, "hub", "serve", "--store", store, "--rigs", address).want(t, exitFailure); strings.Contains(o.stderr, "certificate") {
			t.Errorf("%s: %s", address, o.stderr)
		}
	}
}
