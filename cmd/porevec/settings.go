package main

import (
	"errors"
	"fmt"
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
	file := map[string]any{}
	if path != "" {
		if _, err := toml.DecodeFile(path, &file); err != nil {
			return fmt.Errorf("config %s: %w", path, err)
		}
		if err := checkKeys(cmd.Root(), path, file); err != nil {
			return err
		}
	}
	top := cmd
	for top.HasParent() && top.Parent() != cmd.Root() {
		top = top.Parent()
	}
	own, _ := file[top.Name()].(map[string]any)
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "config" || f.Name == "help" {
			return
		}
		name := "POREVEC_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := env(name); ok {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				failed = fmt.Errorf("%s: %w", name, err)
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
		if at, isTime := value.(time.Time); isTime {
			value = at.Format(time.RFC3339Nano)
		}
		if ok {
			if err := setFlag(cmd.Flags(), f, value); err != nil {
				failed = fmt.Errorf("config %s: %s: %w", path, f.Name, err)
			}
		}
	})
	return failed
}

// setFlag gives a flag a value of a file. A list goes to a flag that takes several.
func setFlag(flags *pflag.FlagSet, f *pflag.Flag, value any) error {
	list, isList := value.([]any)
	several, takesList := f.Value.(pflag.SliceValue)
	switch {
	case !isList:
		return flags.Set(f.Name, fmt.Sprint(value))
	case !takesList:
		return errors.New("it takes one value, not a list")
	}
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = fmt.Sprint(item)
	}
	f.Changed = true
	return several.Replace(items)
}

// setDefault gives a flag that a command shares with others its own default.
func setDefault(flags *pflag.FlagSet, name, value string) {
	f := flags.Lookup(name)
	if err := f.Value.Set(value); err != nil {
		panic(err) // a mistake in this program
	}
	f.DefValue = value
}

// checkKeys refuses keys that no command knows: they are typing errors.
func checkKeys(root *cobra.Command, path string, file map[string]any) error {
	anywhere := map[string]bool{}
	tables := map[string]map[string]bool{}
	for _, cmd := range root.Commands() {
		known := map[string]bool{}
		note := func(f *pflag.Flag) { known[f.Name], anywhere[f.Name] = true, true }
		cmd.Flags().VisitAll(note)
		for _, below := range cmd.Commands() {
			below.Flags().VisitAll(note)
		}
		root.PersistentFlags().VisitAll(note)
		tables[cmd.Name()] = known
	}
	for key, value := range file {
		table, isTable := value.(map[string]any)
		switch {
		case !isTable && !anywhere[key]:
			return fmt.Errorf("config %s: no command has a setting %q", path, key)
		case isTable && tables[key] == nil:
			return fmt.Errorf("config %s: there is no command %q", path, key)
		}
		for inner := range table {
			if !tables[key][inner] {
				return fmt.Errorf("config %s: command %q has no setting %q", path, key, inner)
			}
		}
	}
	return nil
}
