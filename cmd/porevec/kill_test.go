package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsstream "github.com/nats-io/nats.go/jetstream"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/jetstream"
)

// killed starts a program, kills it at a random moment of the given time, and says
// whether it was still running then.
func killed(t *testing.T, rng *rand.Rand, within time.Duration, args ...string) bool {
	t.Helper()
	cmd := program(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.AfterFunc(time.Duration(rng.Int64N(int64(within))), func() { _ = cmd.Process.Kill() })
	defer moment.Stop()
	err := cmd.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%v ended by itself: %v", args, err)
	}
	return false
}

func randomMoments(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A subscriber that dedups by nothing gets every chunk of a replay once, in order,
// however often and whenever the replay was killed.
func TestKilledReplay(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	want := vectors(t, runProgram(t, "embed", dir, "-o", "-", "--dtype", "float32").want(t, 0).stdout)
	if len(want) < 100 {
		t.Fatalf("only %d chunks: too few to be interrupted among", len(want))
	}
	for mode, replays := range map[string]int{"always": 4, "group": 1} {
		for i := range replays {
			t.Run(fmt.Sprint(mode, i), func(t *testing.T) {
				t.Parallel()
				killReplay(t, mode, dir, want)
			})
		}
	}
}

// killReplay kills a replay 25 times. A store that becomes whole makes room for another
// one.
func killReplay(t *testing.T, mode, dir string, want []vector) {
	rng := randomMoments(t)
	store := filepath.Join(t.TempDir(), "store")
	args := []string{"embed", dir, "--store", store, "--durability", mode, "--batch", "4", "--dtype", "float32", "--message-size", "4KB", "--speed", "200x"}
	begin := time.Now()
	runProgram(t, append(args, "--store", store+"-whole")...).want(t, 0)
	whole := time.Since(begin)
	stores := 1
	for kills := 0; kills < 25; {
		if killed(t, rng, whole, args...) {
			kills++
			continue
		}
		checkReplay(t, store, want)
		stores++
		store += "+"
		args[3] = store
	}
	last := runProgram(t, append(args, "--json")...).want(t, 0).result(t)
	checkReplay(t, store, want)
	t.Logf("25 kills, %d stores; the last run found %d of %d chunks stored", stores, last.ChunksStored, last.Chunks)
}

// checkReplay compares the rows of a store, in their order, with those of an
// undisturbed run.
func checkReplay(t *testing.T, store string, want []vector) {
	t.Helper()
	got := vectors(t, runProgram(t, "subscribe", "--store", store, "--json").want(t, 0).stdout)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("store %s differs from an undisturbed run (-want +got):\n%s", store, d)
	}
}

// The beginnings of reads, stored first, are neither taken for the whole reads nor stored
// again with them.
func TestLimitedThenWhole(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	dir := simulatedRun(t, 10)
	want := byKey(t, vectors(t, runProgram(t, "embed", dir, "-o", "-", "--dtype", "float32").want(t, 0).stdout))
	for _, limits := range [][]string{{"2", "0"}, {"2", "4", "0"}, {"0", "2"}} {
		store := filepath.Join(t.TempDir(), "store")
		for _, limit := range limits {
			runProgram(t, "embed", dir, "--store", store, "--dtype", "float32", "--max-chunks-per-read", limit).want(t, 0)
		}
		got := byKey(t, vectors(t, runProgram(t, "subscribe", "--store", store, "--json").want(t, 0).stdout))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("limits %v (-want +got):\n%s", limits, d)
		}
	}
}

// A file becomes what it would have been, however often its run was killed, and has its
// name not before.
func TestKilledFile(t *testing.T) {
	needRuntime(t)
	dir := simulatedRun(t, 40)
	for _, name := range []string{"x.parquet", "x.arrow", "x.npy", "x.ndjson"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			undisturbed, path := filepath.Join(out, "undisturbed-"+name), filepath.Join(out, name)
			args := []string{"embed", dir, "-o", undisturbed, "--batch", "4", "--speed", "100x"}
			begin := time.Now()
			runProgram(t, args...).want(t, 0)
			whole := time.Since(begin)
			args[3] = path
			rng := randomMoments(t)
			for range 12 {
				killed(t, rng, whole, args...)
				if _, err := os.Stat(path); err == nil { // killed at the very end: it must be whole
					compareFiles(t, undisturbed, path)
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			runProgram(t, args...).want(t, 0)
			compareFiles(t, undisturbed, path)
		})
	}
}

// compareFiles compares files of NumPy and JSON byte by byte, and the others row by row,
// since their blocks may be cut elsewhere.
func compareFiles(t *testing.T, undisturbed, path string) {
	t.Helper()
	extension := filepath.Ext(path)
	if extension == ".parquet" || extension == ".arrow" {
		if d := cmp.Diff(rowsOf(t, undisturbed), rowsOf(t, path), cmp.AllowUnexported(row{}, rowKey{})); d != "" {
			t.Errorf("other rows (-want +got):\n%s", d)
		}
		return
	}
	for _, beside := range []string{extension, ".ids.tsv", ".meta.json"} {
		want, _ := os.ReadFile(strings.TrimSuffix(undisturbed, extension) + beside) // of NDJSON there is one file
		got, _ := os.ReadFile(strings.TrimSuffix(path, extension) + beside)
		if !bytes.Equal(want, got) || beside == extension && len(got) < 10_000 {
			t.Errorf("%s of %s is another", beside, path)
		}
	}
}

// A watch that is killed goes on with the files, and the parts of files, that are
// missing.
func TestKilledWatch(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	dir := simulatedRun(t, 40)
	want := vectors(t, runProgram(t, "embed", dir, "-o", "-", "--dtype", "float32").want(t, 0).stdout)
	store := filepath.Join(t.TempDir(), "store")
	args := []string{"watch", dir, "--store", store, "--batch", "4", "--dtype", "float32", "--message-size", "4KB", "--idle", "1s", "--poll", "50ms"}
	rng := randomMoments(t)
	for range 12 {
		killed(t, rng, 1500*time.Millisecond, args...)
	}
	runProgram(t, args...).want(t, 0)
	got := vectors(t, runProgram(t, "subscribe", "--store", store, "--json").want(t, 0).stdout)
	if d := cmp.Diff(byKey(t, want), byKey(t, got)); d != "" { // files may come in any order
		t.Errorf("the stream differs from an undisturbed run (-want +got):\n%s", d)
	}
}

// A live run goes on with what the sequencer sends now. Nothing comes twice, and what
// was stored is what the file gives; chunks keep their numbers.
func TestKilledLive(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	dir := t.TempDir()
	path, store, offline := filepath.Join(dir, "run.pod5"), filepath.Join(dir, "store"), filepath.Join(dir, "file.arrow")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 23, Reads: 60, MeanBases: 6000}); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "embed", path, "-o", offline, "--dtype", "float32").want(t, 0)
	s := simulate(t, path, "--channels", "8", "--speed", "8x")
	args := []string{"live", "--host", s.host(), "--ca", s.CA, "--runs", "1", "--store", store, "--dtype", "float32"}
	rng := randomMoments(t)
	kills := 0
	for range 12 {
		if !killed(t, rng, 3*time.Second, args...) {
			break
		}
		kills++
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	live := filepath.Join(dir, "live.arrow")
	runProgram(t, "subscribe", "--store", store, "-o", live).want(t, 0)
	want, same := rowsOf(t, offline), 0
	for key, got := range rowsOf(t, live) { // fails on a chunk that is there twice
		if got.flags&(signal.FlagCut|signal.FlagShort) != 0 {
			continue
		}
		if w, there := want[key]; !there || got.start != w.start || got.vector != w.vector {
			t.Errorf("chunk %v: live [%d, +%d) %v; from the file [%d, +%d), there %v", key, got.start, got.samples, got.flags, w.start, w.samples, there)
			continue
		}
		same++
	}
	if kills < 5 || same < 20 {
		t.Errorf("%d kills, %d vectors to compare", kills, same)
	}
	t.Logf("%d kills, %d vectors as in the file", kills, same)
}

// brokerVariable makes the test program a NATS server: its value is the server's URL, with
// its store as the path.
const brokerVariable = "POREVEC_TEST_BROKER"

// beBroker runs until it is killed, or told to end.
func beBroker(where string) int {
	at, err := url.Parse(where)
	if err != nil {
		return 1
	}
	var port int
	if _, err := fmt.Sscan(at.Port(), &port); err != nil {
		return 1
	}
	ns, err := server.NewServer(&server.Options{Host: at.Hostname(), Port: port, JetStream: true, StoreDir: at.Path, SyncAlways: true, NoLog: true})
	if err != nil {
		return 1
	}
	ns.Start()
	ns.WaitForShutdown()
	return 0
}

// A broker that is killed and started again 20 times under load costs nothing but time:
// neither the run nor a subscriber that was there all along notices. For each restart a
// file comes, and one more at the end, so the run lasts for as long as the restarts take.
func TestBrokerRestarts(t *testing.T) {
	needRuntime(t)
	t.Parallel()
	const restarts = 20
	written, dir := t.TempDir(), t.TempDir()
	var files []string
	for i := range restarts + 1 {
		files = append(files, filepath.Join(written, fmt.Sprintf("%02d.pod5", i)))
	}
	if _, err := fixtures.WriteRun(files, fixtures.RunSpec{Seed: 11, Reads: 5 * len(files)}); err != nil {
		t.Fatal(err)
	}
	want := vectors(t, runProgram(t, "embed", written, "-o", "-", "--dtype", "float32").want(t, 0).stdout)
	address, store := "nats://"+freeAddress(t), t.TempDir()
	begin := func() *exec.Cmd {
		broker := exec.Command(os.Args[0])
		broker.Env = append(os.Environ(), brokerVariable+"="+address+store)
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
		return broker
	}
	broker := begin()
	defer func() { _ = broker.Process.Kill(); _ = broker.Wait() }()
	waitForBroker(t, address) // a server that goes before the first connection is an error

	cmd := program(t, "watch", dir, "--nats", address, "--batch", "4", "--dtype", "float32", "--message-size", "1KB", "--poll", "50ms", "--log", filepath.Join(t.TempDir(), "log"), "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	arrive := func(file string) {
		if err := os.Rename(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
	}
	arrive(files[0])
	followed, subscribed := make(chan []vector), make(chan struct{})
	go func() { followed <- follow(t, address, len(want), func() { close(subscribed) }) }()
	<-subscribed

	rng := randomMoments(t)
	for i, file := range files[1:] {
		stored := untilStored(t, address, 0)
		arrive(file)
		untilStored(t, address, stored)
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
		how := syscall.SIGKILL
		if i%3 == 2 {
			how = syscall.SIGTERM
		}
		if err := broker.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		_ = broker.Wait()
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		broker = begin()
	}
	got := <-followed
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	ran := outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if r := ran.want(t, 0).result(t); r.Acknowledged != uint64(len(want)) {
		t.Errorf("%d chunks acknowledged, want %d", r.Acknowledged, len(want))
	}
	for who, got := range map[string][]vector{
		"a later subscriber":           vectors(t, runProgram(t, "subscribe", "--nats", address, "--json", "--until-idle", "2s").want(t, 0).stdout),
		"one that was there all along": got,
	} {
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s gets other rows (-want +got):\n%s", who, d)
		}
	}
	if lost := strings.Count(ran.stderr, "NATS connection lost"); lost < restarts {
		t.Errorf("the connection was lost %d times in %d restarts", lost, restarts)
	}
}

// untilStored waits until more than so many messages were stored, and tells how many.
func untilStored(t *testing.T, address string, before uint64) uint64 {
	t.Helper()
	conn, err := nats.Connect(address, nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := natsstream.New(conn, natsstream.WithDefaultTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if stream, err := js.Stream(t.Context(), jetstream.Stream); err == nil && stream.CachedInfo().State.LastSeq > before {
			return stream.CachedInfo().State.LastSeq
		}
	}
	t.Fatalf("nothing is stored after message %d", before)
	return 0
}

func waitForBroker(t *testing.T, address string) {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", at.Host); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the broker does not start")
}

// follow reads rows as they come, and dedups by nothing.
func follow(t *testing.T, address string, rows int, subscribed func()) (got []vector) {
	subscribed = sync.OnceFunc(subscribed)
	defer subscribed()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var sub *jetstream.Subscription
	for {
		var err error
		if sub, err = jetstream.Subscribe(ctx, jetstream.SubscribeConfig{URL: address}); err == nil {
			break
		}
		if ctx.Err() != nil { // the stream comes with the first vector
			t.Errorf("subscribe: %v", err)
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	defer sub.Close()
	subscribed()
	for len(got) < rows {
		m, err := sub.Next(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("after %d of %d rows: %v", len(got), rows, err)
			return got
		}
		var text []byte
		for i := range m.Batch.Len() {
			text = append(m.Batch.AppendJSON(text, i), '\n')
		}
		got = append(got, vectors(t, string(text))...)
	}
	return got
}

// byKey fails on a primary key that occurs twice.
func byKey(t *testing.T, rows []vector) map[string]vector {
	t.Helper()
	m := make(map[string]vector, len(rows))
	for _, v := range rows {
		if _, twice := m[v.key()]; twice {
			t.Errorf("%s is there twice", v.key())
		}
		m[v.key()] = v
	}
	return m
}
