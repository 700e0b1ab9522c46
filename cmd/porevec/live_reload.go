package main

import (
	"fmt"
	"log/slog"
	"os"
	ossignal "os/signal"
	"syscall"

	"github.com/porevec/porevec/minknow"
)

// reloadOnSignal follows other hosts and positions when SIGHUP says that the settings
// have changed, until the returned function is called.
func reloadOnSignal(feed *minknow.Feed, log *slog.Logger) (finish func()) {
	signals := make(chan os.Signal, 1)
	ossignal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			hosts, positions, err := readAgain(os.Args[1:], log)
			if err != nil {
				log.Error("the settings were not read again; everything goes on as before", "error", err)
				continue
			}
			feed.Follow(hosts, positions)
			log.Info("settings read again: following", "hosts", hostNames(hosts), "positions", positions)
		}
	}()
	return func() {
		ossignal.Stop(signals)
		close(signals)
		<-done
	}
}

// readAgain gives the hosts and positions that the command line, the environment and
// the file of --config name now.
func readAgain(arguments []string, log *slog.Logger) ([]minknow.Host, []string, error) {
	var g global
	cmd, rest, err := newRootFor(&g).Find(arguments)
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, nil, err
	}
	if err := applySettings(cmd, g.config, os.LookupEnv); err != nil {
		return nil, nil, err
	}
	flags := cmd.Flags()
	var f hostFlags
	var positions []string
	if f.authority, err = flags.GetStringArray("ca"); err != nil {
		return nil, nil, err
	}
	for name, list := range map[string]*[]string{"host": &f.hosts, "position": &positions} {
		if *list, err = flags.GetStringSlice(name); err != nil {
			return nil, nil, fmt.Errorf("--%s: %w", name, err)
		}
	}
	for name, text := range map[string]*string{"token-file": &f.tokenFile, "client-cert": &f.clientCert, "client-key": &f.clientKey} {
		if *text, err = flags.GetString(name); err != nil {
			return nil, nil, fmt.Errorf("--%s: %w", name, err)
		}
	}
	hosts, err := f.open(log)
	return hosts, positions, err
}

func hostNames(hosts []minknow.Host) (names []string) {
	for _, h := range hosts {
		names = append(names, h.Name)
	}
	return names
}
