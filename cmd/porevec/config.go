package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newConfig(_ *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and describe configuration files",
		Long: `A configuration file (--config, or POREVEC_CONFIG) is TOML. Its keys are named like
the flags. At the top of the file they hold for every command that knows them; in a
table named after a command, for that one only:

  store = "/data/porevec"

  [live]
  position = ["X1", "X2"]
  max-chunks-per-read = 4`,
	}
	var asJSON bool
	check := &cobra.Command{
		Use:     "check FILE",
		Short:   "Name everything that is wrong with a configuration file",
		Example: "  porevec config check /etc/porevec/live.toml",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			return checkConfig(cmd.OutOrStdout(), paths[0], asJSON)
		},
	}
	check.Flags().BoolVar(&asJSON, "json", false, "one JSON object on stdout")
	describe := &cobra.Command{
		Use:   "describe [COMMAND]",
		Short: "Print a configuration file with all settings and what they mean",
		Example: `  porevec config describe live > live.toml
  porevec config describe`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			return failure(describeConfig(cmd.OutOrStdout(), newRoot(), names, asJSON))
		},
	}
	describe.Flags().BoolVar(&asJSON, "json", false, "one JSON object per setting on stdout")
	cmd.AddCommand(check, describe)
	return cmd
}

// checkConfig prints what is wrong with a file.
func checkConfig(w io.Writer, path string, asJSON bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return inputError(err)
	}
	problems, notes := examineSettings(newRoot(), "", path, string(text), os.LookupEnv)
	if len(problems) == 0 {
		problems = refusedSettings(path, string(text))
	}
	if asJSON {
		err = json.NewEncoder(w).Encode(map[string]any{"file": path, "ok": len(problems) == 0, "problems": nonNil(problems), "notes": nonNil(notes)})
	} else {
		for _, p := range problems {
			fmt.Fprintln(w, p)
		}
		for _, n := range notes {
			fmt.Fprintln(w, "note:", n)
		}
		if len(problems) == 0 {
			fmt.Fprintf(w, "%s: ok\n", path)
		}
	}
	if err == nil && len(problems) > 0 {
		err = exit(exitUsage, fmt.Errorf("%s: %s", path, counted(len(problems), "problem")))
	}
	return failure(err)
}

// refusedSettings are those that the commands refuse before they begin to work, though
// each alone is what its flag takes.
func refusedSettings(path, text string) (problems []string) {
	e := examination{path: path, lines: linesOfKeys(text)}
	for _, cmd := range newRoot().Commands() {
		if cmd.PreRunE == nil {
			continue
		}
		err := applySettings(cmd, path, os.LookupEnv)
		if err == nil {
			err = cmd.PreRunE(cmd, nil)
		}
		if err == nil {
			continue
		}
		// "--threads -3: …"
		table, flag := cmd.Name(), strings.TrimPrefix(strings.Fields(err.Error())[0], "--")
		if e.lines[[2]string{table, flag}] == 0 {
			table = ""
		}
		e.problem(table, flag, "%v (command %q)", err, cmd.Name())
	}
	return e.problems
}

func nonNil(list []string) []string { return append([]string{}, list...) }

// describeConfig prints the settings of one command, or of all.
func describeConfig(w io.Writer, root *cobra.Command, names []string, asJSON bool) error {
	commands := root.Commands()
	if len(names) > 0 {
		cmd, _, err := root.Find(names)
		if err != nil || cmd == root {
			return usageError("there is no command %q", names[0])
		}
		commands = []*cobra.Command{cmd}
	}
	if asJSON {
		return describeJSON(w, commands)
	}
	fmt.Fprintf(w, "# Settings of porevec. A line takes effect without its first #. A setting may also stand\n"+
		"# above all tables, for every command that knows it; a flag or the environment wins.\n")
	for _, cmd := range commands {
		flags := settingsOf(cmd)
		if len(flags) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n[%s]\n", cmd.Name())
		for _, f := range flags {
			fmt.Fprintf(w, "\n# %s\n# %s, %s\n#%s = %s\n", strings.ReplaceAll(f.Usage, "\n", "\n# "), kindOf(f), environmentName(f), f.Name, tomlDefault(f))
		}
	}
	return nil
}

// describeJSON prints a line of JSON per setting, for forms and other programs.
func describeJSON(w io.Writer, commands []*cobra.Command) error {
	out := json.NewEncoder(w)
	for _, cmd := range commands {
		for _, f := range settingsOf(cmd) {
			var file map[string]any
			if _, err := toml.Decode("default = "+tomlDefault(f), &file); err != nil {
				return err
			}
			if err := out.Encode(map[string]any{
				"command": cmd.Name(), "setting": f.Name, "help": f.Usage, "type": kindOf(f), "default": file["default"], "environment": environmentName(f),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// kindOf says what a setting takes, in words.
func kindOf(f *pflag.Flag) string {
	if _, isList := f.Value.(pflag.SliceValue); isList {
		return "a list"
	}
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	case "duration":
		return "a duration"
	case "size":
		return "a size"
	}
	return "a text"
}

// settingsOf are the flags of a command and those below it that make sense in a file.
func settingsOf(cmd *cobra.Command) []*pflag.Flag {
	var flags []*pflag.Flag
	known := map[string]bool{"help": true, "config": true, "version": true}
	visit := func(f *pflag.Flag) {
		if !known[f.Name] {
			known[f.Name] = true
			flags = append(flags, f)
		}
	}
	cmd.LocalFlags().VisitAll(visit)
	for _, below := range cmd.Commands() {
		below.LocalFlags().VisitAll(visit)
	}
	cmd.InheritedFlags().VisitAll(visit)
	return flags
}

// tomlDefault is the default of a flag as a value of TOML.
func tomlDefault(f *pflag.Flag) string {
	if several, isList := f.Value.(pflag.SliceValue); isList {
		quoted := []string{}
		for _, item := range several.GetSlice() {
			quoted = append(quoted, fmt.Sprintf("%q", item))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	switch f.Value.Type() {
	case "bool", "int", "uint64", "float64":
		return f.DefValue
	}
	return fmt.Sprintf("%q", f.DefValue)
}
