package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// applySettings gives every flag that was not set on the command line its value
// from the environment or else from the TOML file. Keys of the file are flag
// names; at its top level they hold for every command that knows them, in a
// table named after a command for that one only.
func applySettings(cmd *cobra.Command, path string, env func(string) (string, bool)) error {
	if path == "" {
		path, _ = env("POREVEC_CONFIG")
	}
	if top(cmd).Name() == "config" {
		path = "" // so that a broken file does not keep its own check from running
	}
	file := map[string]any{}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		if problems, _ := examineSettings(newRoot(), top(cmd).Name(), path, string(text), env); len(problems) > 0 {
			return errors.New("config " + strings.Join(problems, "\nconfig "))
		}
		if _, err := toml.Decode(string(text), &file); err != nil {
			return fmt.Errorf("config %s: %w", path, err)
		}
	}
	own, _ := file[top(cmd).Name()].(map[string]any)
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "config" || f.Name == "help" {
			return
		}
		if value, ok := env(environmentName(f)); ok {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				failed = fmt.Errorf("%s: %w", environmentName(f), plain(err))
			}
			return
		}
		value, ok := own[f.Name]
		if !ok {
			value, ok = file[f.Name]
		}
		if _, table := value.(map[string]any); table {
			return // of a command that is named like a flag
		}
		if ok {
			if err := setFlag(cmd.Flags(), f, value); err != nil {
				failed = fmt.Errorf("config %s: %s: %w", path, f.Name, err)
			}
		}
	})
	return failed
}

// top is the command right below the root that a command belongs to.
func top(cmd *cobra.Command) *cobra.Command {
	for cmd.HasParent() && cmd.Parent() != cmd.Root() {
		cmd = cmd.Parent()
	}
	return cmd
}

// environmentName is the variable that sets a flag: --max-reads by POREVEC_MAX_READS.
func environmentName(f *pflag.Flag) string {
	return "POREVEC_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// setFlag gives a flag a value of a file. A list goes to a flag that takes several.
func setFlag(flags *pflag.FlagSet, f *pflag.Flag, value any) error {
	if at, isTime := value.(time.Time); isTime {
		value = at.Format(time.RFC3339Nano)
	}
	switch value.(type) {
	case map[string]any, []map[string]any:
		return errors.New("it takes a value, not a table")
	case bool:
		if kind := f.Value.Type(); kind != "bool" {
			return fmt.Errorf("it takes %s, not true or false", kindOf(f))
		}
	}
	list, isList := value.([]any)
	several, takesList := f.Value.(pflag.SliceValue)
	switch {
	case !isList:
		return plain(flags.Set(f.Name, fmt.Sprint(value)))
	case !takesList:
		return errNotOne
	}
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = fmt.Sprint(item)
	}
	f.Changed = true
	return several.Replace(items)
}

// errNotOne is what a list gives where one value belongs.
var errNotOne = errors.New("it takes one value, not a list")

// plain says what a flag takes, where its own words are those of a programmer.
func plain(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	takes := kindOf(flag)
	switch flag.Value.Type() {
	case "bool", "float64", "int":
	case "uint64":
		takes += " that is not negative"
	case "duration":
		takes += " such as 30s or 2h"
	default:
		return err
	}
	if errors.Is(err, strconv.ErrRange) {
		takes += ", and this one is too large"
	}
	return fmt.Errorf("--%s %q: it takes %s", flag.Name, invalid.GetValue(), takes)
}
