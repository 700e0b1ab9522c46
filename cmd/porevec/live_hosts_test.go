package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porevec/porevec/internal/certs"
)

func TestHosts(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"a.crt", "b.crt"} {
		ca, err := certs.NewAuthority(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, ca.PEM(), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	f := hostFlags{hosts: []string{"a", "b:9501", "[::1]:77"}, authority: []string{"a=" + files[0], "b=" + files[1]}, tokenFile: token}
	hosts, err := f.open(log)
	if err != nil {
		t.Fatal(err)
	}
	for i, port := range []uint16{9502, 9501, 77} {
		if hosts[i].ManagerPort != port {
			t.Errorf("%s: port %d, want %d", hosts[i].Name, hosts[i].ManagerPort, port)
		}
	}
	for what, c := range map[string]struct {
		flags hostFlags
		code  int
		says  string
	}{
		"no port":             {hostFlags{hosts: []string{"a:x"}}, exitUsage, "HOST:PORT"},
		"no host":             {hostFlags{}, exitUsage, "no computer"},
		"a CA of nobody":      {hostFlags{hosts: []string{"a"}, authority: []string{"c=" + files[0]}}, exitUsage, "there is no --host c"},
		"a CA that is none":   {hostFlags{hosts: []string{"a"}, authority: []string{token}}, exitFailure, "no certificate"},
		"no token":            {hostFlags{hosts: []string{"a"}, tokenFile: filepath.Join(dir, "none")}, exitInput, "--token-file"},
		"a key alone":         {hostFlags{hosts: []string{"a"}, clientKey: token}, exitFailure, "certificate"},
		"CA that is not here": {hostFlags{hosts: []string{"a"}, authority: []string{filepath.Join(dir, "x.crt")}}, exitInput, "x.crt"},
	} {
		_, err := c.flags.open(log)
		var coded *exitError
		if !errors.As(err, &coded) || coded.code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
