package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/porevec/porevec/minknow"
	"github.com/porevec/porevec/minknow/dial"
)

// hostFlags say which MinKNOW hosts are connected to, and how.
type hostFlags struct {
	hosts      []string
	authority  []string
	tokenFile  string
	clientCert string
	clientKey  string
}

func (f *hostFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.hosts, "host", []string{"localhost"}, "computer that runs MinKNOW, with :PORT of its manager if that is unusual; several with commas")
	flags.StringArrayVar(&f.authority, "ca", nil, "MinKNOW's ca.crt; for each of several hosts HOST=FILE (default: where MinKNOW keeps it)")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with a developer's token of MinKNOW (default: this computer's own token, or guest)")
	flags.StringVar(&f.clientCert, "client-cert", "", "client certificate (PEM) that MinKNOW knows; needed where guests are not let in")
	flags.StringVar(&f.clientKey, "client-key", "", "key of the client certificate (PEM, without a passphrase)")
}

// open readies the hosts. It connects to nothing.
func (f *hostFlags) open(log *slog.Logger) ([]minknow.Host, error) {
	var token string
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, inputError(fmt.Errorf("--token-file: %w", err))
		}
		token = strings.TrimSpace(string(text))
	}
	authorities, common := make(map[string]string), ""
	for _, text := range f.authority {
		if host, file, named := strings.Cut(text, "="); named && !strings.Contains(host, "/") {
			authorities[host] = file
		} else {
			common = text
		}
	}
	if len(f.hosts) == 0 {
		return nil, usageError("--host: no computer is named")
	}
	var hosts []minknow.Host
	for _, text := range f.hosts {
		name, port, err := splitHost(text)
		if err != nil {
			return nil, err
		}
		file := common
		if own, named := authorities[name]; named {
			file = own
			delete(authorities, name)
		}
		d, err := dial.New(dial.Options{
			Host: name, ManagerPort: port, CA: file, Token: token, ClientCertificate: f.clientCert, ClientKey: f.clientKey, Log: log,
		})
		if err != nil {
			return nil, inputError(fmt.Errorf("host %s: %w", name, err))
		}
		hosts = append(hosts, minknow.Host{Name: text, ManagerPort: d.ManagerPort(), Dial: d.Conn, Explain: d.Explain})
	}
	for host := range authorities {
		return nil, usageError("--ca %s=%s: there is no --host %s", host, authorities[host], host)
	}
	return hosts, nil
}

// splitHost takes HOST, HOST:PORT or [ADDRESS]:PORT.
func splitHost(text string) (name string, port uint16, err error) {
	if !strings.Contains(text, ":") || net.ParseIP(text) != nil {
		return text, 0, nil
	}
	name, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, usageError("--host %q: write HOST, or HOST:PORT", text)
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || number == 0 || name == "" {
		return "", 0, usageError("--host %q: write HOST, or HOST:PORT", text)
	}
	return name, uint16(number), nil
}
