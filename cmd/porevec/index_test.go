package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/porevec/porevec/fixtures"
)

// simulatedSearch makes a run, its genome beside another one, and an index of both.
func simulatedSearch(t *testing.T) (run, index string, truth []fixtures.Truth) {
	t.Helper()
	needRuntime(t)
	dir := t.TempDir()
	spec := fixtures.RunSpec{Seed: 21, Reads: 60, GenomeBases: 30_000}
	truth, err := fixtures.WriteRun([]string{filepath.Join(dir, "a.pod5")}, spec)
	if err != nil {
		t.Fatal(err)
	}
	genome, other, index := filepath.Join(dir, "genome.fa"), filepath.Join(dir, "other.fa"), filepath.Join(dir, "panel.pvi")
	if err := spec.Genome().WriteFASTA(genome, "sampled"); err != nil {
		t.Fatal(err)
	}
	if err := fixtures.NewGenome(99, 20_000, 0.4).WriteFASTA(other, "other"); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "index", "build", genome, other, "-o", index).want(t, 0)
	return filepath.Join(dir, "a.pod5"), index, truth
}

// found is a line of ndjson of index search.
type found struct {
	ReadID      string  `json:"read_id"`
	Target      *string `json:"target"`
	Start, End  int
	Strand      string
	Probability float64
	Called      bool
	Final       bool
	Chunks      int
}

func answersOf(t *testing.T, ndjson string) (all []found, final map[string]found) {
	t.Helper()
	final = make(map[string]found)
	for _, line := range strings.Split(strings.TrimSpace(ndjson), "\n") {
		var a found
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, a)
		if a.Final {
			final[a.ReadID] = a
		}
	}
	return all, final
}

// TestSearchFindsReads searches a run, a file and a stream of its vectors.
func TestSearchFindsReads(t *testing.T) {
	t.Parallel()
	run, index, truth := simulatedSearch(t)
	out := runProgram(t, "index", "search", "--index", index, "--format", "ndjson", run).want(t, 0)
	_, fromRun := answersOf(t, out.stdout)
	if len(fromRun) != len(truth) {
		t.Fatalf("answers about %d of %d reads", len(fromRun), len(truth))
	}
	called, right := 0, 0
	for _, where := range truth {
		a := fromRun[where.ReadID.String()]
		if !a.Called {
			continue
		}
		called++
		strand := map[bool]string{false: "+", true: "-"}[where.Reverse]
		if *a.Target == "sampled" && a.Strand == strand && a.End > where.Start-500 && a.Start < where.Start+where.Bases+500 {
			right++
		}
	}
	if called < len(truth)*3/4 || right < called*9/10 { // the pore of the simulation is a coarse one
		t.Errorf("of %d reads %d are called, %d rightly", len(truth), called, right)
	}
	for _, what := range []string{"sampled", "other", "60 = " + strconv.Itoa(called) + " called"} {
		if !strings.Contains(out.stderr, what) {
			t.Errorf("the summary does not tell %q:\n%s", what, out.stderr)
		}
	}

	dir := t.TempDir()
	store, file := filepath.Join(dir, "store"), filepath.Join(dir, "v.arrow")
	runProgram(t, "embed", run, "--store", store, "-o", file).want(t, 0)
	_, fromFile := answersOf(t, runProgram(t, "index", "search", "--index", index, "--format", "ndjson", file).want(t, 0).stdout)
	out = runProgram(t, "index", "search", "--index", index, "--format", "ndjson", "--store", store).want(t, 0)
	_, fromStream := answersOf(t, out.stdout)
	for id, a := range fromRun {
		for name, others := range map[string]map[string]found{"file": fromFile, "stream": fromStream} {
			// Stored vectors have half precision, so the numbers differ a little.
			b := others[id]
			if a.Called != b.Called || a.Called && (*a.Target != *b.Target || a.Start != b.Start || a.Strand != b.Strand || a.Chunks != b.Chunks) {
				t.Errorf("read %s: %+v of the run, %+v of the %s", id, a, b, name)
			}
		}
	}

	published := runProgram(t, "subscribe", "--store", store, "--kind", "hit").want(t, 0)
	all, final := answersOf(t, published.stdout)
	if len(final) != len(truth) || len(all) <= len(final) {
		t.Errorf("%d answers about %d reads were published", len(all), len(final))
	}
	runProgram(t, "index", "search", "--index", index, "--store", store, "-q").want(t, 0)
	if again := runProgram(t, "subscribe", "--store", store, "--kind", "hit").want(t, 0); again.stdout != published.stdout {
		t.Error("the same search published its answers twice")
	}
}

func TestWatchListRaisesAlarms(t *testing.T) {
	t.Parallel()
	run, index, _ := simulatedSearch(t)
	dir := t.TempDir()
	list := filepath.Join(dir, "list.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("[[group]]\nname = \"the sampled one\"\ntargets = [\"sam*\"]\nreads = 3\nmessage = \"call somebody\"\n[[group]]\nname = \"none\"\ntargets = [\"other\"]\nreads = 2\n")
	out := runProgram(t, "index", "search", "--index", index, "--watchlist", list, "-o", filepath.Join(dir, "x.tsv"), run).want(t, exitAlert)
	if !strings.Contains(out.stderr, "ALERT the sampled one: 3 reads (sampled ×3)") || !strings.Contains(out.stderr, "s of sequencing; call somebody") || strings.Contains(out.stderr, "ALERT none") || !strings.Contains(out.stderr, "watched  none: 0 reads, no alarm") {
		t.Errorf("stderr:\n%s", out.stderr)
	}

	foreign := filepath.Join(dir, "foreign.pod5")
	if err := fixtures.WriteForeign(foreign); err != nil {
		t.Fatal(err)
	}
	out = runProgram(t, "index", "search", "--index", index, "--watchlist", list, "-o", filepath.Join(dir, "x.tsv"), foreign, run).want(t, exitAlert)
	if !strings.Contains(out.stderr, "foreign.pod5") {
		t.Errorf("stderr does not name the file that was passed over:\n%s", out.stderr)
	}

	store := filepath.Join(dir, "store")
	runProgram(t, "embed", run, "--store", store).want(t, 0)
	runProgram(t, "index", "search", "--index", index, "--watchlist", list, "--store", store, "-q").want(t, exitAlert)
	alert := runProgram(t, "subscribe", "--store", store, "--kind", "alert").want(t, 0)
	var object struct {
		Group   string
		Reads   int
		Seconds float64
		ReadIDs []string `json:"read_ids"`
	}
	if err := json.Unmarshal([]byte(alert.stdout), &object); err != nil || object.Group != "the sampled one" || object.Reads != 3 || object.Seconds <= 0 || len(object.ReadIDs) != 3 {
		t.Errorf("%v: %s", err, alert.stdout)
	}

	write("[[group]]\nname = \"x\"\ntargets = [\"no such target\"]\n")
	if out := runProgram(t, "index", "search", "--index", index, "--watchlist", list, run).want(t, exitInput); !strings.Contains(out.stderr, "no such target") {
		t.Errorf("stderr:\n%s", out.stderr)
	}
}

func TestSearchRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	run, index, _ := simulatedSearch(t)
	dir := t.TempDir()
	r9 := filepath.Join(dir, "r9.pod5")
	if _, err := fixtures.WriteRun([]string{r9}, fixtures.RunSpec{Seed: 3, Reads: 4, Chemistry: fixtures.R9()}); err != nil {
		t.Fatal(err)
	}
	both := func(out outcome) {
		t.Helper()
		if !strings.Contains(out.stderr, "dna_r9.4.1_450bps_4khz@v1") || !strings.Contains(out.stderr, "dna_r10.4.1_e8.2_400bps_5khz@v1") {
			t.Errorf("stderr does not name both models:\n%s", out.stderr)
		}
	}
	both(runProgram(t, "index", "search", "--index", index, r9).want(t, exitModel))
	vectors := filepath.Join(dir, "r9.parquet")
	runProgram(t, "embed", r9, "-o", vectors).want(t, 0)
	both(runProgram(t, "index", "search", "--index", index, vectors).want(t, exitModel))
	store := filepath.Join(dir, "store")
	runProgram(t, "embed", r9, run, "--store", store).want(t, 0)
	both(runProgram(t, "index", "search", "--index", index, "--store", store).want(t, exitSkipped))

	content, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.pvi")
	for what, bad := range map[string][]byte{
		"cut off":  content[:len(content)/2],
		"checksum": append(slices.Clone(content[:len(content)-1]), content[len(content)-1]^1),
		"begin":    bytes.Repeat([]byte("x"), 4096),
	} {
		if err := os.WriteFile(damaged, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if out := runProgram(t, "index", "search", "--index", damaged, run).want(t, exitInput); !strings.Contains(out.stderr, "damaged.pvi") {
			t.Errorf("%s: stderr:\n%s", what, out.stderr)
		}
	}
}

// TestOutputDoesNotDestroyInput names inputs as outputs, and what is no file.
func TestOutputDoesNotDestroyInput(t *testing.T) {
	run, index, _ := simulatedSearch(t)
	dir := filepath.Dir(run)
	genome, list := filepath.Join(dir, "genome.fa"), filepath.Join(dir, "list.toml")
	if err := os.WriteFile(list, []byte("[[group]]\nname = \"x\"\ntargets = [\"sampled\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(dir, "older.tsv")
	if err := os.WriteFile(older, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.pvi")
	if err := os.Symlink(index, link); err != nil {
		t.Skip(err)
	}
	content := func(path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for output, args := range map[string][]string{
		index:  {"index", "search", "--index", index, run, "-o", index},
		link:   {"index", "search", "--index", index, run, "-o", link},
		run:    {"index", "search", "--index", index, dir, "-o", run},
		list:   {"index", "search", "--index", index, "--watchlist", list, run, "-o", list},
		genome: {"index", "build", genome, "-o", genome},
	} {
		before := content(output)
		if o := runProgram(t, args...).want(t, exitUsage); content(output) != before || !strings.Contains(o.stderr, "would overwrite an input") {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
	runProgram(t, "index", "search", "--index", index, filepath.Join(dir, "none"), "-o", older).want(t, exitInput)
	if content(older) != "older" {
		t.Error("a search that found nothing to search emptied an older result")
	}
	for _, output := range []string{"/dev/null", "-", filepath.Join(dir, "no", "x.pvi")} {
		runProgram(t, "index", "build", genome, "-o", output).want(t, exitUsage)
	}
	runProgram(t, "index", "build", genome, "-o", link).want(t, 0)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
}

func TestIndexUsage(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "x.pvi")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no output":     {[]string{"index", "build", "x.fa"}, exitUsage, "-o"},
		"no references": {[]string{"index", "build", "-o", out}, exitUsage, "at least 1"},
		"missing file":  {[]string{"index", "build", "-o", out, filepath.Join(dir, "none.fa")}, exitInput, "none.fa"},
		"empty":         {[]string{"index", "build", "-o", out, write("empty.fa", "")}, exitInput, "empty"},
		"protein":       {[]string{"index", "build", "-o", out, write("p.fa", ">p\nMKLVEEPF\n")}, exitInput, "protein"},
		"reads":         {[]string{"index", "build", "-o", out, write("r.fa", "@r\nACGT\n+\n!!!!\n")}, exitInput, "FASTQ"},
		"short":         {[]string{"index", "build", "-o", out, write("s.fa", ">s\nACGTACGT\n")}, exitInput, "shorter"},
		"unknown model": {[]string{"index", "build", "-o", out, "--model", "dna_r12", write("a.fa", ">a\nACGT\n")}, exitModel, "dna_r12"},
		"window":        {[]string{"index", "build", "-o", out, "--window", "99", write("b.fa", ">a\nACGT\n")}, exitUsage, "99"},
		"no index":      {[]string{"index", "search", "x.pod5"}, exitUsage, "--index"},
		"each in PAF":   {[]string{"index", "search", "--index", out, "--each-chunk", "--format", "paf", "x"}, exitUsage, "one line per read"},
		"mixed":         {[]string{"index", "search", "--index", out, "a.arrow", "b.pod5"}, exitUsage, "one kind"},
		"index missing": {[]string{"index", "search", "--index", filepath.Join(dir, "no.pvi"), "x.pod5"}, exitInput, "no.pvi"},
		"kind":          {[]string{"subscribe", "--kind", "stat"}, exitUsage, "emb, read, hit or alert"},
	} {
		t.Run(name, func(t *testing.T) {
			if o := runProgram(t, c.args...).want(t, c.code); !strings.Contains(o.stderr, c.says) {
				t.Errorf("stderr does not mention %q:\n%s", c.says, o.stderr)
			}
		})
	}
}
