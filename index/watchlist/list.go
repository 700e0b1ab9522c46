package watchlist

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// List is what is watched for.
type List struct {
	path   string
	groups []group
}

// group is one rule, with the defaults of what the file leaves out.
type group struct {
	Name        string   `toml:"name"`
	Targets     []string `toml:"targets"` // patterns
	Reads       int      `toml:"reads"`
	Probability float64  `toml:"probability"`
	Any         *float64 `toml:"any"` // nil: never
	Message     string   `toml:"message"`
}

var groupKeys = []string{"name", "targets", "reads", "probability", "any", "message"}

const (
	defaultReads       = 1
	defaultProbability = 0.99
)

// Load reads a list. Its error names all that is wrong with the file, a line each: a
// rule that is not understood would keep silent when it should not.
func Load(path string) (*List, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("watch list: %w", err)
	}
	var file struct {
		Group []toml.Primitive `toml:"group"`
	}
	meta, err := toml.Decode(string(text), &file)
	if err != nil {
		return nil, fmt.Errorf("watch list %s: %w", path, err)
	}
	var errs []error
	refuse := func(where string, problem error) {
		errs = append(errs, fmt.Errorf("watch list %s: %s%w", path, where, problem))
	}
	for _, key := range unknownKeys(meta) {
		refuse("", fmt.Errorf("unknown key %q", key))
	}
	if len(file.Group) == 0 {
		refuse("", errors.New("no [[group]]"))
	}
	list := &List{path: path}
	taken := map[string]bool{}
	for i, table := range file.Group {
		g, problems := readGroup(meta, table)
		where := fmt.Sprintf("group %q: ", g.Name)
		if g.Name == "" {
			where = fmt.Sprintf("group %d: ", i+1)
		} else if taken[g.Name] {
			problems = append(problems, errors.New("an earlier group has this name"))
		}
		for _, problem := range problems {
			refuse(where, problem)
		}
		taken[g.Name] = true
		list.groups = append(list.groups, g)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return list, nil
}

// unknownKeys are those beside the groups.
func unknownKeys(meta toml.MetaData) []string {
	var unknown []string
	for _, key := range meta.Keys() {
		if key[0] != "group" && !slices.Contains(unknown, key[0]) {
			unknown = append(unknown, key[0])
		}
	}
	return unknown
}

// readGroup gives what could be read and all that is wrong with it.
func readGroup(meta toml.MetaData, table toml.Primitive) (g group, problems []error) {
	g = group{Reads: defaultReads, Probability: defaultProbability}
	var keys map[string]any
	if err := meta.PrimitiveDecode(table, &keys); err != nil {
		return g, []error{err}
	}
	g.Name, _ = keys["name"].(string) // for the error, when other keys do not fit
	err := meta.PrimitiveDecode(table, &g)
	g.Name, g.Message = oneLine(g.Name), oneLine(g.Message)
	if err != nil {
		return g, []error{err}
	}
	if _, said := keys["reads"]; g.Any != nil && !said {
		g.Reads = math.MaxInt // a single read would be enough otherwise
	}
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(groupKeys, key) {
			refuse("unknown key %q", key)
		}
	}
	if g.Name == "" {
		refuse("no name")
	}
	if len(g.Targets) == 0 {
		refuse("no targets")
	}
	if slices.Contains(g.Targets, "") {
		refuse("a target without a name")
	}
	if g.Reads < 1 {
		refuse("reads is %d: must be at least 1", g.Reads)
	}
	if !isProbability(g.Probability) {
		refuse("probability is %v: must be above 0 and at most 1", g.Probability)
	}
	if g.Any != nil && !isProbability(*g.Any) {
		refuse("any is %v: must be above 0 and at most 1", *g.Any)
	}
	return g, problems
}

// isProbability is false for NaN too.
func isProbability(p float64) bool { return p > 0 && p <= 1 }

// Check compares the list with the targets of an index, decoys not among them. A
// name or pattern that no target has is an error, and all of them are told: a watch
// for what is not in the index would never ring.
func (l *List) Check(targets []string) error {
	var errs []error
	for _, g := range l.groups {
		for _, pattern := range g.Targets {
			if !slices.ContainsFunc(targets, func(t string) bool { return matches(pattern, t) }) {
				errs = append(errs, fmt.Errorf("watch list %s: group %q: no target of the index is called %q", l.path, g.Name, pattern))
			}
		}
	}
	return errors.Join(errs...)
}

// covers says whether the group watches for a target.
func (g *group) covers(target string) bool {
	return slices.ContainsFunc(g.Targets, func(pattern string) bool { return matches(pattern, target) })
}

// oneLine replaces all that could break a line or a terminal.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
}
