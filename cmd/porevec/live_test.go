package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/signal"
	"github.com/porevec/porevec/sink/file"
)

// simulated is a running porevec simulate.
type simulated struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	Port int
	CA   string
	dir  string
}

// simulate starts the real program and waits until it listens.
func simulate(t *testing.T, args ...string) *simulated {
	t.Helper()
	s := &simulated{dir: t.TempDir()}
	s.cmd = program(t, append([]string{"simulate", "--json", "--dir", s.dir}, args...)...)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("simulate: %s", stderr.String())
		}
	})
	s.out = bufio.NewReader(stdout)
	line, err := s.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		t.Fatalf("simulate said %q: %v", line, err)
	}
	return s
}

func (s *simulated) host() string { return fmt.Sprintf("localhost:%d", s.Port) }

// ended waits for the simulator's end and gives what clients did.
func (s *simulated) ended(t *testing.T) (actions int, messages []string) {
	t.Helper()
	var last struct {
		Actions  int
		Messages []string
	}
	text, err := io.ReadAll(s.out)
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err = errors.Join(err, s.cmd.Wait()); err != nil {
		t.Fatalf("simulate ended with %q: %v", text, err)
	}
	return last.Actions, last.Messages
}

// row is a vector of a file, comparable bit by bit.
type row struct {
	start   uint64
	samples uint32
	flags   signal.Flags
	vector  string
}

type rowKey struct {
	read  signal.ReadID
	chunk uint32
}

func rowsOf(t *testing.T, path string) map[rowKey]row {
	t.Helper()
	r, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows := make(map[rowKey]row)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			c := b.Row(i)
			key := rowKey{c.ReadID, c.Chunk}
			if _, twice := rows[key]; twice {
				t.Fatalf("%s holds chunk %d of read %v twice", path, c.Chunk, c.ReadID)
			}
			bits := make([]byte, 0, 4*len(c.Vector))
			for _, v := range c.Vector {
				bits = fmt.Appendf(bits, "%08x", math.Float32bits(v))
			}
			rows[key] = row{c.ChunkStart, c.Samples, c.Flags, string(bits)}
		}
	}
}

// TestLiveVectorsAreThoseOfTheFile embeds a run live, served by the simulator, and from
// its file. All that the feed carried must give the same vectors; what it did not carry
// must be reported exactly.
func TestLiveVectorsAreThoseOfTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 21, Reads: 40, MeanBases: 2500}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		sim, cut []string
	}{
		{"as it is", []string{"--speed", "20x"}, nil},
		{"overlapping chunks, small pieces, recorded times", []string{"--speed", "20x", "--piece", "300ms", "--recorded"}, []string{"--hop", "1500"}},
		{"gaps", []string{"--speed", "20x", "--fault", "gap:every=6"}, []string{"--hop", "3000"}},
		{"repeated and late, whole reads", []string{"--speed", "20x", "--ends", "--fault", "dup:every=5", "--fault", "late:every=11"}, nil},
		{"a stall, merged pieces, one message for all", []string{"--speed", "20x", "--fault", "stall:at=10s,for=6s", "--message-channels", "64"}, nil},
		{"a server that goes away and comes back", []string{"--speed", "10x", "--fault", "restart:at=12s,for=3s", "--fault", "reset:at=25s"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			loss := strings.Contains(c.name, "goes away") || strings.Contains(c.name, "late")
			if expected := compareLive(t, path, 40, c.sim, c.cut, loss); expected < 50 {
				t.Errorf("%d vectors to compare", expected)
			}
		})
	}
}

// TestLiveRealReads does the same with real reads of both chemistries and formats.
func TestLiveRealReads(t *testing.T) {
	for name, reads := range map[string]int{"pod5/zymo_r10.4.1_5khz.pod5": 3, "pod5/ten_reads_v3.pod5": 10, "labelled/lambda_r9.4.1": 50} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(realData(t), name)
			if expected := compareLive(t, path, reads, []string{"--speed", "100x"}, nil, false); expected < 20 {
				t.Errorf("%d vectors to compare", expected)
			}
		})
	}
}

// compareLive embeds a run live and from its file, compares vectors and reports, and
// gives how many chunks were carried whole. With loss, less may come than was sent.
func compareLive(t *testing.T, path string, reads int, simArgs, cut []string, loss bool) (expected int) {
	t.Helper()
	dir := t.TempDir()
	offline, live, books, sent := filepath.Join(dir, "file.arrow"), filepath.Join(dir, "live.arrow"), filepath.Join(dir, "reads.ndjson"), filepath.Join(dir, "sent.tsv")
	runProgram(t, append([]string{"embed", path, "-o", offline, "--dtype", "float32"}, cut...)...).want(t, 0)
	s := simulate(t, append([]string{path, "--channels", "24", "--sent", sent}, simArgs...)...)
	o := runProgram(t, append([]string{"live", "--host", s.host(), "--ca", s.CA, "--runs", "1", "--json", "-o", live, "--dtype", "float32",
		"--reads", books, "--backlog", "100000"}, cut...)...).want(t, 0)
	var result liveResult
	if err := json.Unmarshal([]byte(o.stdout), &result); err != nil {
		t.Fatal(err)
	}
	actions, messages := s.ended(t)
	if actions != 0 || len(messages) < 2 {
		t.Errorf("%d actions, messages %q", actions, messages)
	}
	if result.ChunksShed > 0 || result.Acknowledged == 0 {
		t.Errorf("%d chunks acknowledged, %d shed", result.Acknowledged, result.ChunksShed)
	}
	carried := carriedIn(t, books)
	compareSent(t, sent, carried, loss)
	compareMissed(t, path, books, reads, carried)
	return compareVectors(t, rowsOf(t, offline), rowsOf(t, live), carried)
}

func carriedIn(t *testing.T, path string) map[signal.ReadID]carriedRead {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all := make(map[signal.ReadID]carriedRead)
	if err := readCarried(in, func(c carriedRead) {
		id, err := signal.ParseReadID(c.ReadID)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[id]; twice {
			t.Errorf("read %v comes twice", id)
		}
		all[id] = c
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func compareVectors(t *testing.T, offline, live map[rowKey]row, carried map[signal.ReadID]carriedRead) (expected int) {
	t.Helper()
	var same, cut int
	for key, got := range live {
		if got.flags&signal.FlagCut != 0 {
			cut++
			continue
		}
		want, there := offline[key]
		if !there || got.start != want.start || got.samples != want.samples || got.vector != want.vector {
			// The chunk before a read's last one is not shorter live, but a stretch between gaps may be.
			if got.flags&signal.FlagShort == 0 || got.flags&(signal.FlagGapBefore|signal.FlagHeadMissing) == 0 {
				t.Errorf("chunk %v: live [%d, +%d) %v; from the file [%d, +%d) %v, there %v", key, got.start, got.samples, got.flags, want.start, want.samples, want.flags, there)
			}
			continue
		}
		same++
	}
	for key, want := range offline {
		c := carried[key.read]
		whole := slices.ContainsFunc(c.Carried, func(span [2]uint64) bool { return span[0] <= want.start && want.start+uint64(want.samples) <= span[1] })
		if !whole || want.flags&(signal.FlagTail|signal.FlagShort) != 0 && !c.EndSeen {
			continue
		}
		expected++
		if _, there := live[key]; !there {
			t.Errorf("chunk %v at [%d, +%d) %v was carried, %v, and has no vector", key, want.start, want.samples, want.flags, c.Carried)
		}
	}
	if same < expected {
		t.Errorf("%d vectors equal, %d expected, %d cut", same, expected, cut)
	}
	return expected
}

// compareSent checks that what is said to have come is what was sent. With loss, less
// may have come.
func compareSent(t *testing.T, path string, carried map[signal.ReadID]carriedRead, loss bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:] {
		fields := strings.Split(line, "\t")
		id, err := signal.ParseReadID(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		var spans []string
		var came uint64
		for _, c := range carried[id].Carried {
			spans = append(spans, fmt.Sprintf("%d-%d", c[0], c[1]))
			came += c[1] - c[0]
		}
		var sent uint64
		for _, span := range strings.FieldsFunc(fields[4], func(r rune) bool { return r == ',' }) {
			var from, to uint64
			if _, err := fmt.Sscanf(span, "%d-%d", &from, &to); err != nil {
				t.Fatal(err)
			}
			sent += to - from
		}
		if got := strings.Join(spans, ","); loss && came > sent || !loss && got != fields[4] {
			t.Errorf("read %v: sent %s, came %s", id, fields[4], got)
		}
	}
}

// compareMissed checks the report of the program against the spans.
func compareMissed(t *testing.T, path, books string, reads int, carried map[signal.ReadID]carriedRead) {
	t.Helper()
	o := runProgram(t, "live", "missed", path, "--reads", books, "--per-read", "-").want(t, 0)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")[1:]
	if len(lines) != reads {
		t.Errorf("%d reads in the report, want %d", len(lines), reads)
	}
	for _, line := range lines {
		fields := strings.Split(line, "\t")
		id, err := signal.ParseReadID(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		var n [7]uint64
		for i := range n {
			if n[i], err = strconv.ParseUint(fields[2+i], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		samples, came, head, gaps, gapSamples, tail := n[0], n[1], n[2], n[3], n[4], n[5]
		c := carried[id]
		if samples != came+head+gapSamples+tail || came != c.Samples || int(gaps) != max(len(c.Carried)-1, 0) || len(c.Carried) > 0 && head != c.Carried[0][0] {
			t.Errorf("%s, carried %v", line, c.Carried)
		}
	}
}

// TestLiveIntoTheStream follows two positions into a stream, is interrupted in the
// middle, and leaves what it did readable.
func TestLiveIntoTheStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, store := filepath.Join(dir, "run.pod5"), filepath.Join(dir, "store")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 22, Reads: 30, MeanBases: 2500}); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, path, "--channels", "8", "--positions", "2", "--name", "MN", "--repeat", "--speed", "5x")
	address := freeAddress(t)
	cmd := program(t, "live", "--host", s.host(), "--ca", s.CA, "--json", "--store", store, "--max-chunks-per-read", "3", "--listen", address)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	checkStat(t, address)
	time.Sleep(8 * time.Second) // together nearly a minute of sequencing
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var result liveResult
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Positions) != 2 || result.Acknowledged == 0 || result.SamplesSkipped["beyond_limit"] == 0 {
		t.Fatalf("%+v", result)
	}
	for _, p := range result.Positions {
		if p.LiveReads == 0 || p.Gaps+p.Reconnects+p.Malformed > 0 {
			t.Errorf("%+v", p)
		}
	}
	var rows uint64
	for line := range strings.Lines(runProgram(t, "subscribe", "--json", "--store", store).want(t, 0).stdout) {
		var c struct {
			Chunk uint32
			Mux   uint8
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Chunk >= 3 || c.Mux == 0 {
			t.Fatalf("chunk %d on mux %d", c.Chunk, c.Mux)
		}
		rows++
	}
	if rows != result.Acknowledged {
		t.Errorf("%d vectors in the stream, %d acknowledged", rows, result.Acknowledged)
	}
	var reads int
	if err := readCarried(strings.NewReader(runProgram(t, "subscribe", "--store", store, "--kind", "read").want(t, 0).stdout), func(carriedRead) { reads++ }); err != nil || reads == 0 {
		t.Errorf("%d reads in the stream, %v", reads, err)
	}
	// Position MN-1 has the reads' own ids.
	var sum missed
	if err := json.Unmarshal([]byte(runProgram(t, "live", "missed", path, "--store", store, "--json").want(t, 0).stdout), &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Reads != 30 || sum.Unseen == 30 || sum.Samples != sum.Carried+sum.UnseenSamples+sum.HeadSamples+sum.GapSamples+sum.TailSamples {
		t.Errorf("%+v", sum)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// checkStat reads the states that are published while two positions are followed.
func checkStat(t *testing.T, address string) {
	t.Helper()
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	states, err := conn.SubscribeSync("porevec.v1.*.*.*.stat")
	if err != nil {
		t.Fatal(err)
	}
	positions := make(map[string]bool)
	for range 6 {
		m, err := states.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(m.Data, &s); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"samples_behind", "chunk_age_ms", "chunks_per_s", "gaps", "chunks_shed", "shed_samples", "reconnects", "samples", "run"} {
			if _, there := s[key]; !there {
				t.Errorf("%s is missing in %s", key, m.Data)
			}
		}
		if s["state"] != "streaming" || s["live_samples"].(float64) == 0 {
			t.Errorf("%s", m.Data)
		}
		positions[s["position"].(string)] = true
	}
	if len(positions) != 2 {
		t.Errorf("positions %v", positions)
	}
}

// TestDoctorLooksAtMinKNOW examines a host that is there, and one that is not.
func TestDoctorLooksAtMinKNOW(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Reads: 2}); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, path, "--channels", "8", "--name", "X1")
	o := runProgram(t, "doctor", "--host", s.host(), "--ca", s.CA).want(t, 0)
	for _, want := range []string{"version 6.4.3, 1 positions", "X1: flow cell FLO-MIN114, 8 channels"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("%q is not in\n%s", want, o.stdout)
		}
	}
	o = runProgram(t, "doctor", "--host", freeAddress(t), "--ca", s.CA).want(t, exitFailure)
	if !strings.Contains(o.stdout, "is MinKNOW running") {
		t.Error(o.stdout)
	}
}

func TestLiveUsage(t *testing.T) {
	for _, args := range [][]string{
		{"live", "--host", "a:b"}, {"live", "--runs", "-1"}, {"live", "--ca", "x=/nowhere/ca.crt"}, {"live", "--backlog", "0"},
		{"simulate", "x.pod5", "--fault", "flood:at=3s"}, {"simulate", "x.pod5", "--speed", "max"},
	} {
		runProgram(t, args...).want(t, exitUsage)
	}
	o := runProgram(t, "live", "--ca", "/nowhere/ca.crt").want(t, exitInput)
	if !strings.Contains(o.stderr, "/nowhere/ca.crt") {
		t.Error(o.stderr)
	}
}
