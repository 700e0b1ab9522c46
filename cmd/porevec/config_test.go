package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porevec/porevec/fixtures"
)

func TestConfigCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(path, []byte(`store = "/data"
backlog = 9

[live]
positon = ["X1"]
backlog = "many"
batch-age = ["1s"]
runs = 3

[lve]
runs = 3

[embed]
runs = 3
`), 0o644); err != nil {
		t.Fatal(err)
	}
	o := runProgram(t, "config", "check", path).want(t, exitUsage)
	for _, want := range []string{
		`a.toml:5: command "live" has no setting "positon"; is it "position"?`,
		`a.toml:6: backlog: `,
		`a.toml:7: batch-age: it takes one value`,
		`a.toml:10: there is no command "lve"; is it "live"?`,
		`a.toml:14: command "embed" has no setting "runs"`,
	} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("%q is not in\n%s", want, o.stdout)
		}
	}
	if n := strings.Count(o.stdout, "a.toml:"); n != 5 {
		t.Errorf("%d problems, want 5:\n%s", n, o.stdout)
	}
	// The commands themselves refuse such a file too.
	runProgram(t, "doctor", "--config", path).want(t, exitUsage)

	for text, want := range map[string]string{"a = \n[live]\n": "a.toml:1: ", "runs = 1\nruns = 2\n": "a.toml:2: "} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if o := runProgram(t, "config", "check", path).want(t, exitUsage); !strings.Contains(o.stdout, want) {
			t.Errorf("%q: %s", text, o.stdout)
		}
	}
	if err := os.WriteFile(path, []byte("[live]\nhost = [\"a\", \"b:9501\"]\nruns = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "config", "check", path, "--json")
	cmd.Env = append(os.Environ(), "POREVEC_RUNS=4")
	var answer struct {
		OK              bool
		Problems, Notes []string
	}
	if err := json.Unmarshal([]byte(finish(t, cmd).want(t, 0).stdout), &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.OK || len(answer.Problems) > 0 || len(answer.Notes) != 1 || !strings.Contains(answer.Notes[0], "POREVEC_RUNS") {
		t.Errorf("%+v", answer)
	}
	runProgram(t, "config", "check", filepath.Join(t.TempDir(), "none")).want(t, exitInput)
}

// What a command would refuse is a problem, too.
func TestConfigCheckRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.toml")
	for text, want := range map[string]string{
		"\nthreads = -3\n":                    `a.toml:2: --threads -3: must lie between 1 and 1024 (command "embed")`,
		"[watch]\nsettle = \"-1s\"\n":         `a.toml: --poll and --idle must not be negative, --settle must be above 0 (command "watch")`,
		"[live]\nmax-temp = 5\n":              `a.toml:2: --max-temp 5: say degrees`,
		"[embed]\nspeed = \"fast\"\n":         `a.toml:2: --speed "fast": `,
		"[bench]\nseconds = -1\n":             `a.toml:2: --seconds -1: `,
		"[live]\nlisten = \"0.0.0.0:4222\"\n": `a.toml:2: listen on "0.0.0.0:4222": only loopback`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if o := runProgram(t, "config", "check", path).want(t, exitUsage); !strings.Contains(o.stdout, want) {
			t.Errorf("%q: %s", text, o.stdout)
		}
	}
}

// What describe prints is a valid file, also when every line takes effect.
func TestConfigDescribe(t *testing.T) {
	text := runProgram(t, "config", "describe").want(t, 0).stdout
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		lines = append(lines, line)
	}
	path := filepath.Join(t.TempDir(), "a.toml")
	for _, content := range []string{text, strings.Join(lines, "")} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		runProgram(t, "config", "check", path).want(t, 0)
	}
	for _, want := range []string{"[live]", "\nmax-chunks-per-read = 0\n", "\nhost = [\"localhost\"]\n", "# a whole number, POREVEC_MAX_CHUNKS_PER_READ\n"} {
		if !strings.Contains(strings.Join(lines, ""), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if one := runProgram(t, "config", "describe", "live").want(t, 0).stdout; strings.Count(one, "\n[") != 1 {
		t.Error(one)
	}
	runProgram(t, "config", "describe", "lve").want(t, exitUsage)
}

// What TOML allows and a flag does not take is a problem, at its line; and so is what a
// command would pass over in silence.
func TestConfigCheckTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.toml")
	for text, want := range map[string]string{
		"[embed]\nstore = true\n":                          `a.toml:2: store: it takes a text, not true or false`,
		"[embed]\n[embed.store]\na = 1\n":                  `a.toml:2: store: it takes a value, not a table`,
		"\nlog-format = \"xml\"\n":                         `a.toml:2: log-format: `,
		"[[live]]\nbacklog = 1\n":                          `a.toml:1: [[live]] makes a list of tables`,
		"\nlive.backlog = \"x\"\n":                         `a.toml:2: backlog: `,
		"[live]\nhots = [\"a\"]\n":                         `; is it "host"?`,
		"position = [\"X1\"]\n":                            `a.toml:1: position: it takes one value, not a list (command "index")`,
		"[live]\nrig = \"\"\"\n[x]\n\"\"\"\nbacklgo = 1\n": `a.toml:5: command "live" has no setting "backlgo"`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if o := runProgram(t, "config", "check", path).want(t, exitUsage); !strings.Contains(o.stdout, want) || strings.Count(o.stdout, "a.toml:") != 1 {
			t.Errorf("%q: want %q alone:\n%s", text, want, o.stdout)
		}
	}
}

// A file that suits the command it is for is not refused on behalf of another one, and a
// broken one can still be checked.
func TestConfigOfOneCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(path, []byte("window = [1024, 2048]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := runProgram(t, "index", "build", "/nowhere.fa", "-o", "x.pvi", "--config", path).want(t, exitInput); strings.Contains(o.stderr, "window") {
		t.Error(o.stderr)
	}
	runProgram(t, "embed", "/nowhere", "--config", path).want(t, exitUsage)

	cmd := program(t, "config", "check", path, "--json")
	cmd.Env = append(os.Environ(), "POREVEC_CONFIG="+path)
	if o := finish(t, cmd).want(t, exitUsage); !json.Valid([]byte(o.stdout)) || !strings.Contains(o.stdout, "window") {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

// The file that comes with the service is valid, also when its examples take effect.
func TestDeployedConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../deploy/live.toml")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.ReplaceAll("\n"+string(text), "\n#", "\n")
	var lines []string
	for line := range strings.Lines(all) {
		if strings.HasPrefix(line, " ") {
			line = "#" + line
		}
		lines = append(lines, line)
	}
	path := filepath.Join(t.TempDir(), "live.toml")
	for _, content := range []string{string(text), strings.Join(lines, "")} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		runProgram(t, "config", "check", path).want(t, 0)
	}
}

func TestConfigDescribeJSON(t *testing.T) {
	found := false
	for line := range strings.Lines(runProgram(t, "config", "describe", "live", "--json").want(t, 0).stdout) {
		var s struct {
			Command, Setting, Help, Type, Environment string
			Default                                   any
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if s.Command != "live" || s.Help == "" || s.Default == nil {
			t.Errorf("%s", line)
		}
		if s.Setting == "backlog" {
			found = s.Type == "a whole number" && s.Default == 4096.0 && s.Environment == "POREVEC_BACKLOG"
		}
	}
	if !found {
		t.Error("backlog is not described, or wrongly")
	}
}

func TestLogFormat(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "run.pod5")
	if _, err := fixtures.WriteRun([]string{missing}, fixtures.RunSpec{Reads: 1}); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "ids")
	if err := os.WriteFile(list, []byte("00000000-0000-4000-8000-000000000000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for format, begin := range map[string]string{"text": "time=", "json": "{", "auto": "{"} {
		// A warning: the read is in none of the files.
		o := runProgram(t, "embed", missing, "-l", list, "-o", "-", "--log-format", format).want(t, 0)
		if lines := strings.Split(strings.TrimSpace(o.stderr), "\n"); !strings.HasPrefix(lines[len(lines)-1], begin) {
			t.Errorf("%s: %s", format, o.stderr)
		}
	}
	runProgram(t, "doctor", "--log-format", "xml").want(t, exitUsage)
	cmd := program(t, "embed", missing, "-l", list, "-o", "-")
	cmd.Env = append(os.Environ(), "POREVEC_LOG_FORMAT=text")
	if o := finish(t, cmd).want(t, 0); !strings.Contains(o.stderr, "time=") {
		t.Errorf("POREVEC_LOG_FORMAT=text: %s", o.stderr)
	}
}

// TestReload follows one of two positions, and the other one too when it is told to,
// without losing anything of the first.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, config := filepath.Join(dir, "run.pod5"), filepath.Join(dir, "live.toml")
	if _, err := fixtures.WriteRun([]string{path}, fixtures.RunSpec{Seed: 23, Reads: 30, MeanBases: 2500}); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, path, "--channels", "8", "--positions", "2", "--name", "MN", "--repeat", "--speed", "5x")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte("[live]\nhost = [\""+s.host()+"\"]\nca = [\""+s.CA+"\"]\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("position = [\"MN-1\"]\n")
	cmd := program(t, "live", "--config", config, "--json", "-o", filepath.Join(dir, "a.arrow"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	signal := func(what os.Signal, after time.Duration) {
		t.Helper()
		time.Sleep(after)
		if err := cmd.Process.Signal(what); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(4 * time.Second)
	write("position = [\"MN-1\", \"MN-2\"]\nnonsense = 1\n")
	signal(syscall.SIGHUP, 0) // refused, and nothing changes
	time.Sleep(2 * time.Second)
	write("position = [\"MN-1\", \"MN-2\"]\n")
	signal(syscall.SIGHUP, 0)
	signal(syscall.SIGTERM, 6*time.Second)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var result liveResult
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Positions) != 2 || !strings.Contains(stderr.String(), "nonsense") {
		t.Fatalf("%+v\n%s", result.Positions, stderr.String())
	}
	for _, p := range result.Positions {
		if p.LiveReads == 0 || p.Gaps+p.HeadsMissing+p.Reconnects > 0 {
			t.Errorf("%+v", p)
		}
	}
}
