package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// examineSettings finds everything that is wrong with a file: keys that no command
// knows, which are typing errors, and values that their flags refuse. Notes tell of
// settings that the environment overrides. root is a tree of commands that is used for
// this alone. A value at the top of the file has to suit the command it is read for, as
// two may know a setting by the same name and take different values; without a name, it
// has to suit all.
func examineSettings(root *cobra.Command, name, path, text string, env func(string) (string, bool)) (problems, notes []string) {
	file := map[string]any{}
	if _, err := toml.Decode(text, &file); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return []string{fmt.Sprintf("%s:%d: %s", path, at.Position.Line, at.Message)}, nil
		}
		return []string{fmt.Sprintf("%s: %v", path, err)}, nil
	}
	commands := make(map[string]*cobra.Command)
	for _, cmd := range root.Commands() {
		commands[cmd.Name()] = cmd
	}
	e := &examination{path: path, command: name, lines: linesOfKeys(text), env: env}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		table, isTable := file[key].(map[string]any)
		switch {
		case commands[key] != nil && isTables(file[key]):
			e.problem("", key, "[[%s]] makes a list of tables: write [%s]", key, key)
		case !isTable:
			e.setting("", key, file[key], root.Commands())
		case commands[key] == nil:
			e.problem("", key, "there is no command %q%s", key, nearest(key, slices.Sorted(maps.Keys(commands))))
		default:
			for _, inner := range slices.Sorted(maps.Keys(table)) {
				e.setting(key, inner, table[inner], []*cobra.Command{commands[key]})
			}
		}
	}
	return e.problems, e.notes
}

// examination is a file that is being examined.
type examination struct {
	path            string
	command         string            // which the file is read for; "" for any
	lines           map[[2]string]int // of tables and keys
	env             func(string) (string, bool)
	problems, notes []string
}

func (e *examination) where(table, key string) string {
	if line := e.lines[[2]string{table, key}]; line > 0 {
		return fmt.Sprintf("%s:%d: ", e.path, line)
	}
	return e.path + ": "
}

func (e *examination) problem(table, key, format string, args ...any) {
	e.problems = append(e.problems, e.where(table, key)+fmt.Sprintf(format, args...))
}

// setting examines a key that should be a flag of at least one of some commands.
func (e *examination) setting(table, key string, value any, commands []*cobra.Command) {
	var names []string
	var flag *pflag.Flag
	refused := make(map[string]string) // why, and by which command first
	var reasons []string
	for _, cmd := range commands {
		for _, f := range settingsOf(cmd) {
			names = append(names, f.Name)
			if f.Name != key {
				continue
			}
			flag = f
			if table == "" && e.command != "" && e.command != cmd.Name() {
				continue
			}
			if err := setFlag(flagsWith(cmd, key), f, value); err != nil && refused[err.Error()] == "" {
				refused[err.Error()] = cmd.Name()
				reasons = append(reasons, err.Error())
			}
		}
	}
	for _, reason := range reasons {
		if table == "" {
			reason += fmt.Sprintf(" (command %q)", refused[reason])
		}
		e.problem(table, key, "%s: %s", key, reason)
	}
	known := flag != nil
	if known && has(e.env, environmentName(flag)) {
		e.notes = append(e.notes, e.where(table, key)+key+" has no effect: "+environmentName(flag)+" is set, and wins")
	}
	switch {
	case known:
	case table == "":
		e.problem(table, key, "no command has a setting %q%s", key, nearest(key, names))
	default:
		e.problem(table, key, "command %q has no setting %q%s", table, key, nearest(key, names))
	}
}

func isTables(value any) bool {
	_, are := value.([]map[string]any)
	return are
}

func has(env func(string) (string, bool), name string) bool {
	_, set := env(name)
	return set
}

// flagsWith are the flags of a command, or of one below it, that one is among.
func flagsWith(cmd *cobra.Command, name string) *pflag.FlagSet {
	for _, c := range append([]*cobra.Command{cmd}, cmd.Commands()...) {
		if c.LocalFlags().Lookup(name) != nil {
			return c.LocalFlags()
		}
	}
	return cmd.InheritedFlags()
}

// linesOfKeys finds where tables and keys stand: those that are written on one line, as
// everybody does.
func linesOfKeys(text string) map[[2]string]int {
	lines := make(map[[2]string]int)
	table, n := "", 0
	within := "" // the quotes that a text of several lines ends with
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if within != "" {
			if strings.Contains(line, within) {
				within = ""
			}
			continue
		}
		for _, quotes := range []string{`"""`, "'''"} {
			if strings.Count(line, quotes) == 1 && !strings.HasPrefix(line, "#") {
				within = quotes
			}
		}
		if name, isTable := strings.CutPrefix(line, "["); isTable {
			table, _, _ = strings.Cut(strings.TrimPrefix(name, "["), "]")
			table = strings.Trim(strings.TrimSpace(table), `"'`)
			if outer, inner, nested := strings.Cut(table, "."); nested {
				lines[[2]string{outer, inner}] = n
			}
			lines[[2]string{"", table}] = n
			continue
		}
		if key, _, isKey := strings.Cut(line, "="); isKey && !strings.HasPrefix(line, "#") {
			key = strings.Trim(strings.TrimSpace(key), `"'`)
			if of, inner, dotted := strings.Cut(key, "."); dotted && table == "" {
				lines[[2]string{of, inner}] = n
				key = of
			}
			lines[[2]string{table, key}] = n
		}
	}
	return lines
}

// nearest suggests the name that a mistyped one probably was meant to be.
func nearest(name string, known []string) string {
	best, distance := "", max(2, len(name)/3+1) // more is another word
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; is it %q?", best)
}

// editDistance counts the letters to insert, delete or change, and the neighbours to
// swap.
func editDistance(a, b string) int {
	var last, row []int
	next := make([]int, len(b)+1)
	for j := range next {
		next[j] = j
	}
	for i := range len(a) {
		last, row, next = row, next, make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], last[j-1]+1)
			}
		}
	}
	return next[len(b)]
}
