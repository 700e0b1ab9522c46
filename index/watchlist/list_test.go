package watchlist_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/index/watchlist"
)

const pathogens = `
# pathogens.toml
[[group]]
name = "Yersinia pestis"
targets = ["NC_003143.1", "pMT1*"]
reads = 3
probability = 0.99
any = 0.999
message = "call the duty officer"

[[group]]
name = "Bacillus anthracis"
targets = ["NC_00394?.2"]
`

// load writes a file and loads it; the folder is cut out of errors.
func load(t testing.TB, text string) (*watchlist.List, string) {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "list.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := watchlist.Load(path)
	return list, message(err, folder)
}

func message(err error, folder string) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), folder+string(filepath.Separator), "")
}

func mustLoad(t testing.TB, text string) *watchlist.List {
	t.Helper()
	list, problem := load(t, text)
	if problem != "" {
		t.Fatal(problem)
	}
	return list
}

func TestLoadTellsAllThatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"fine", pathogens, ""},
		{"bounds", "[[group]]\nname='a'\ntargets=['x']\nreads=1\nprobability=1\nany=1e-9", ""},
		{"whole numbers", "[[group]]\nname='a'\ntargets=['x']\nprobability=1\nany=1", ""},
		{"empty", "", "watch list list.toml: no [[group]]"},
		{"not TOML", "[[group]\n", "watch list list.toml: toml: line 2: expected end of table array name delimiter ']', but got '\\n' instead"},
		{"no table", "group = 3", `watch list list.toml: toml: line 1 (last key "group"): incompatible types: TOML value has type int64; destination has type slice`},
		{"empty group", "[[group]]", "watch list list.toml: group 1: no name\nwatch list list.toml: group 1: no targets"},
		{"blank name", "[[group]]\nname=\" \\n\"\ntargets=['x']", "watch list list.toml: group 1: no name"},
		{"wrong type", "[[group]]\nname='a'\ntargets=['x']\nreads=1.5", `watch list list.toml: group "a": toml: line 4 (last key "group.reads"): incompatible types: TOML value has type float64; destination has type integer`},
		{"NaN", "[[group]]\nname='a'\ntargets=['x']\nprobability=nan\nany=nan", `watch list list.toml: group "a": probability is NaN: must be above 0 and at most 1
watch list list.toml: group "a": any is NaN: must be above 0 and at most 1`},
		{"other case", "[[group]]\nName='a'\nname='a'\ntargets=['x']", `watch list list.toml: group "a": unknown key "Name"`},
		{"much", `
title = "mine"
[notes]
a = 1
[[group]]
name = "a"
targets = []
reads = 0
probability = 0
any = 1.01
colour = "red"
[group.more]
b = 2
[[group]]
name = "b"
targets = ["x", ""]
probability = 1.5
[[group]]
name = "a"
targets = ["y"]
reads = -1
[[group]]
targets = ["z"]
`, `watch list list.toml: unknown key "title"
watch list list.toml: unknown key "notes"
watch list list.toml: group "a": unknown key "colour"
watch list list.toml: group "a": unknown key "more"
watch list list.toml: group "a": no targets
watch list list.toml: group "a": reads is 0: must be at least 1
watch list list.toml: group "a": probability is 0: must be above 0 and at most 1
watch list list.toml: group "a": any is 1.01: must be above 0 and at most 1
watch list list.toml: group "b": a target without a name
watch list list.toml: group "b": probability is 1.5: must be above 0 and at most 1
watch list list.toml: group "a": reads is -1: must be at least 1
watch list list.toml: group "a": an earlier group has this name
watch list list.toml: group 4: no name`},
	} {
		if _, got := load(t, c.text); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestLoadOfNoFile(t *testing.T) {
	folder := t.TempDir()
	_, err := watchlist.Load(filepath.Join(folder, "none.toml"))
	if got := message(err, folder); got != "watch list: open none.toml: no such file or directory" {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	list := mustLoad(t, pathogens)
	for _, c := range []struct {
		targets []string
		want    string // ends of its lines
	}{
		{[]string{"NC_003143.1", "pMT1", "NC_003945.2"}, ""},
		{[]string{"NC_003143.1", "pMT1 plasmid", "NC_003945.2", "chr1"}, ""},
		{[]string{"NC_003143.1", "PMT1", "NC_0039455.2"}, `group "Yersinia pestis": no target of the index is called "pMT1*"
group "Bacillus anthracis": no target of the index is called "NC_00394?.2"`},
		{nil, `group "Yersinia pestis": no target of the index is called "NC_003143.1"
group "Yersinia pestis": no target of the index is called "pMT1*"
group "Bacillus anthracis": no target of the index is called "NC_00394?.2"`},
	} {
		got := ""
		if err := list.Check(c.targets); err != nil {
			var lines []string
			for line := range strings.Lines(err.Error()) {
				_, after, _ := strings.Cut(line, "list.toml: ")
				lines = append(lines, after)
			}
			got = strings.Join(lines, "")
		}
		if got != c.want {
			t.Errorf("%q: got\n%s\nwant\n%s", c.targets, got, c.want)
		}
		if w, err := watchlist.NewWatch(list, c.targets); (err != nil) != (c.want != "") || (w == nil) != (err != nil) {
			t.Errorf("%q: NewWatch gave %v, %v", c.targets, w, err)
		}
	}
}

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "A", false}, {"a", "ab", false}, {"a", "ba", false},
		{"*", "", true}, {"*", "any/thing|x", true}, {"?", "", false}, {"?", "é", true}, {"?", "ab", false},
		{"pMT1*", "pMT1", true}, {"pMT1*", "pMT12", true}, {"pMT1*", "xpMT1", false},
		{"*.1", "NC.1.1", true}, {"*.1", "NC.12", false}, {"a*b*c", "aXbXbXc", true}, {"a*b*c", "aXcXb", false},
		{"**a", "ba", true}, {"a**", "a", true}, {"a?*", "a", false}, {"*a*a*a*b", strings.Repeat("a", 200), false},
		{"chr1[alt]", "chr1[alt]", true}, {"chr1[alt]", "chr1a", false}, {`a\*`, `a\b`, true}, {"gi|*|ref", "gi|12/3|ref", true},
	} {
		list := mustLoad(t, "[[group]]\nname='a'\ntargets=['"+c.pattern+"']")
		if got := list.Check([]string{c.name}) == nil; got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
}
