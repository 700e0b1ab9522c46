//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/porevec/porevec/fixtures"
	"github.com/porevec/porevec/internal/certs"
	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/minknow/dial"
	"github.com/porevec/porevec/minknow/simulator"
	"github.com/porevec/porevec/replay"
	"github.com/porevec/porevec/signal"
)

// python is the interpreter of a virtual environment with official clients. They come
// without what they ask for and do not use here: read-until wants a NumPy that no longer
// builds, readfish a mapper.
func python(t *testing.T, packages ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "porevec", "interop-"+packages[0])
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
		return python
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{python, "-m", "pip", "install", "-q", packages[0], "numpy"},
		append([]string{python, "-m", "pip", "install", "-q", "--no-deps"}, packages[1:]...),
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return python
}

// today's interface, and that of before 6.0: read-until needs ReadData.number, which went
// away then.
func today(t *testing.T) string  { return python(t, "minknow-api==6.10.3", "readfish==2024.3.0") }
func before(t *testing.T) string { return python(t, "minknow-api==5.9.5", "read-until==3.0.0") }

func TestOfficialClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.pod5")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 31, Reads: 40, MeanBases: 2000}); err != nil {
		t.Fatal(err)
	}
	recorded := samplesOf(t, path)
	for _, c := range []struct {
		client string
		python func(*testing.T) string
	}{{"minknow_api", today}, {"minknow_api", before}, {"read_until", before}, {"readfish", today}} {
		client, interpreter := c.client, c.python(t)
		t.Run(client, func(t *testing.T) {
			sim, err := simulator.New(simulator.Config{
				Paths: []string{path}, Dir: t.TempDir(), Channels: 20, Pace: 5, Hold: true, Books: true,
				Guests: client != "minknow_api", // the others connect to positions without a token
				Log:    slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			served := make(chan error, 1)
			go func() { served <- sim.Serve(ctx) }()
			out := t.TempDir()
			cmd := exec.CommandContext(ctx, interpreter, "clients.py", client, strconv.Itoa(sim.Port()), out)
			cmd.Env = append(os.Environ(), "MINKNOW_TRUSTED_CA="+sim.CA(), "MINKNOW_API_USE_LOCAL_TOKEN=1")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
			var said struct {
				Positions []string
				Channels  int
				Rate      int `json:"sample_rate"`
				Version   string
				Kit       string
				Run       string
				Reads     int
			}
			if err := json.Unmarshal(stdout.Bytes(), &said); err != nil {
				t.Fatalf("%v: %s", err, stdout.String())
			}
			if len(said.Positions) != 1 || said.Channels != 20 || said.Rate != 5000 || said.Version == "" || said.Kit != "SQK-LSK114" || said.Run == "" {
				t.Errorf("%s", stdout.String())
			}
			var whole int
			for _, sent := range sim.Sent() {
				raw, err := os.ReadFile(filepath.Join(out, sent.ReadID.String()+".raw"))
				if len(sent.Spans) == 0 {
					if err == nil {
						t.Errorf("read %v came and was not sent", sent.ReadID)
					}
					continue
				}
				want := recorded[sent.ReadID][:2*sent.Spans[0].To]
				switch {
				case err != nil && client == "minknow_api":
					t.Error(err)
				case len(raw) == len(want):
					whole++
					fallthrough
				default: // the caches of the others drop what is not taken in time
					if !bytes.HasPrefix(want, raw) {
						t.Errorf("read %v: %d bytes came that differ from the recording", sent.ReadID, len(raw))
					}
				}
			}
			if whole < 30 {
				t.Errorf("%d reads came whole", whole)
			}
			if n := len(sim.Messages()); n != 1 {
				t.Errorf("%d messages in the log", n)
			}
			t.Logf("%s: %d reads whole; %s", client, whole, bytes.TrimSpace(stdout.Bytes()))
		})
	}
}

// samplesOf gives the samples of all reads, as bytes.
func samplesOf(t *testing.T, path string) map[signal.ReadID][]byte {
	t.Helper()
	file, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := make(map[signal.ReadID][]byte)
	for read, err := range file.Reads() {
		if err != nil {
			t.Fatal(err)
		}
		samples, err := replay.Signal(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		var raw []byte
		for _, v := range samples {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
		}
		all[read.Info().ID] = raw
	}
	return all
}

// TestOtherServer follows a run of a server that is not ours in anything: its library,
// its messages, and what it leaves out.
func TestOtherServer(t *testing.T) {
	interpreter := today(t)
	ca, err := certs.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Issue(certs.Leaf{NoNames: true}) // as MinKNOW's up to 6.2
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key, err := certs.WritePair(dir, "server", leaf)
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(authority, ca.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, interpreter, "server.py", certificate, key)
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); _ = server.Process.Kill(); _ = server.Wait() }()
	var where struct{ Port uint16 }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &where)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := dial.New(dial.Options{Host: "127.0.0.1", CA: authority, ManagerPort: where.Port})
	if err != nil {
		t.Fatal(err)
	}
	var seen []minknow.Seen
	feed, err := minknow.New(minknow.Config{
		Hosts: []minknow.Host{{Name: "other", ManagerPort: where.Port, Dial: d.Conn, Explain: d.Explain}}, Runs: 1, Announce: true,
		Seen: func(s minknow.Seen) { seen = append(seen, s) }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	for {
		b, err := feed.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err, feed.Stats())
		}
		r := int(b.Read.ID[12]) // the last six bytes are read and channel, three each
		for i, v := range b.Samples {
			at := int(b.Offset) + i
			if want := (at*31+r*977)%2000 - 1000; int(v) != want {
				t.Fatalf("read %v, sample %d: %d, want %d", b.Read.ID, at, v, want)
			}
		}
		b.Release()
	}
	if len(seen) != 24 {
		t.Errorf("%d reads, want 24", len(seen))
	}
	for _, s := range seen {
		want := []minknow.Span{{From: 0, To: 30_000}}
		if s.Read.Start == 60_000 {
			want = []minknow.Span{{From: 0, To: 10_000}, {From: 12_000, To: 30_000}}
		}
		if len(s.Carried) != len(want) || s.Carried[0] != want[0] || s.EndSeen != (s.Read.Start < 150_000) {
			t.Errorf("read %v: %v, end seen %v", s.Read.ID, s.Carried, s.EndSeen)
		}
		if s.Read.Run.FlowCellProductCode != "FLO-MIN114" || s.Read.Calibration.Offset != -243 || s.Read.Calibration.Scale != float32(299.4)/2048 {
			t.Errorf("%+v %+v", s.Read.Run, s.Read.Calibration)
		}
	}
	if s := feed.Stats()[0]; s.Gaps != 4 || s.GapSamples != 8000 || s.Reconnects > 0 {
		t.Errorf("%+v", s)
	}
}
