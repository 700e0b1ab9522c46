// Package watchlist raises an alarm when reads of chosen targets appear.
package watchlist

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

// List holds the rules of a file:
//
//	[[group]]
//	name = "Yersinia pestis"
//	targets = ["NC_003143.1", "pMT1*"]  # names of sequences; * and ? stand for any letters or one
//	reads = 3                # raise an alarm when so many reads were called; 1 unless said
//	probability = 0.99       # only reads whose target is so probable count; 0.9 unless said
//	any = 0.999              # or raise one when it is so probable that any of them is right
//	message = "call the duty officer"
type List struct {
	path   string
	groups []group
}

type group struct {
	Name        string   `toml:"name"`
	Targets     []string `toml:"targets"`
	Reads       *int     `toml:"reads"`
	Probability *float64 `toml:"probability"`
	Any         *float64 `toml:"any"`
	Message     string   `toml:"message"`
}

const (
	defaultReads       = 1
	defaultProbability = 0.9
)

// Load reads a file. One error names all that is wrong with it.
func Load(file string) (*List, error) {
	var content struct {
		Group []group `toml:"group"`
	}
	about, err := toml.DecodeFile(file, &content)
	if err != nil {
		return nil, fmt.Errorf("watch list %s: %w", file, err)
	}
	var problems []error
	for _, key := range about.Undecoded() {
		problems = append(problems, fmt.Errorf("unknown setting %q", key))
	}
	if len(content.Group) == 0 {
		problems = append(problems, errors.New("it has no [[group]]"))
	}
	seen := make(map[string]bool)
	for i := range content.Group {
		g := &content.Group[i]
		fail := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("group %d %q: %s", i+1, g.Name, fmt.Sprintf(format, args...)))
		}
		switch {
		case g.Name == "":
			fail("it has no name")
		case seen[g.Name]:
			fail("another group has the same name")
		}
		seen[g.Name] = true
		if len(g.Targets) == 0 {
			fail("it has no targets")
		}
		for _, pattern := range g.Targets {
			if _, err := path.Match(wildcards(pattern), ""); err != nil || pattern == "" {
				fail("%q is no name of a target", pattern)
			}
		}
		if g.Reads != nil && *g.Reads < 1 {
			fail("reads = %d: must be at least 1", *g.Reads)
		}
		for name, p := range map[string]*float64{"probability": g.Probability, "any": g.Any} {
			if p != nil && !(*p > 0 && *p <= 1) {
				fail("%s = %g: must lie above 0 and be at most 1", name, *p)
			}
		}
		g.Message, g.Name = clean(g.Message), clean(g.Name)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("watch list %s: %w", file, errors.Join(problems...))
	}
	return &List{path: file, groups: content.Group}, nil
}

// wildcards makes a pattern of package path that knows * and ? only. Names of
// targets may hold slashes, where path would stop: they are replaced on both sides.
func wildcards(pattern string) string {
	return strings.NewReplacer("/", "\x00", `\`, `\\`, "[", `\[`).Replace(pattern)
}

func matches(pattern, target string) bool {
	ok, _ := path.Match(wildcards(pattern), strings.ReplaceAll(target, "/", "\x00")) // Load tried the pattern
	return ok
}

// clean keeps text on one line.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
