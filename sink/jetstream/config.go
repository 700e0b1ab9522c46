package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/porevec/porevec/sink/checkpoint"
)

// Config says where vectors go and how they are cut into messages. Zero values
// mean the defaults told at each field.
type Config struct {
	// URL of an external server; "" runs one in this process.
	URL string
	// Credentials is a .creds file for the external server; "" is none.
	Credentials string
	// Store is the directory of the server in this process.
	Store string
	// Listen lets other programs of this computer connect to the server in this
	// process: a loopback address and port such as 127.0.0.1:4222. "" has no
	// listener, port 0 takes any free port.
	Listen string
	// WebSocket lets pages in a browser on this computer connect to the server in this
	// process: a loopback address and port. "" has no such listener.
	WebSocket string
	// Origins are where those pages may come from, such as http://localhost:8000. Any
	// page of the web that is open in a browser could connect otherwise.
	Origins []string
	// StoreBytes bounds the stream in Store; 0 is bounded by the disk alone. A stream
	// that is full takes nothing more, and Put waits.
	StoreBytes int64
	// MinFree is what the disk of Store keeps free, in bytes, for the server cannot go
	// on by itself once a write has failed; 0 is 2 GiB, or 5 % of a smaller disk.
	MinFree int64
	// Durability is when an acknowledgement of the server in this process comes; "" is
	// Always.
	Durability   Durability
	SyncInterval time.Duration // of Group; 100 ms

	// Rig names this computer in subjects; "" is the name that the hub of Store knows, or
	// its host name.
	Rig string
	// Choice is what a replay is limited to.
	Choice checkpoint.Choice

	MaxBytes int           // payload at which a message is cut; 256 KiB
	MaxAge   time.Duration // longest wait of a row for its message to fill; 250 ms
	InFlight int64         // bytes accepted but not settled, at most; 16 MiB

	Log *slog.Logger // nil logs nothing
}

func (c Config) withDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = 256 << 10
	}
	if c.MaxAge == 0 {
		c.MaxAge = 250 * time.Millisecond
	}
	if c.InFlight == 0 {
		c.InFlight = 16 << 20
	}
	if c.Durability == "" {
		c.Durability = Always
	}
	if c.SyncInterval == 0 {
		c.SyncInterval = 100 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	switch {
	case c.URL == "" && c.Store == "":
		errs = append(errs, errors.New("neither a server's URL nor a store's directory is given"))
	case c.URL != "" && c.Listen+c.WebSocket != "":
		errs = append(errs, errors.New("a listener belongs to the server in this process, but a URL is given"))
	}
	for _, address := range []string{c.Listen, c.WebSocket} {
		if _, _, err := loopback(address); address != "" && err != nil {
			errs = append(errs, err)
		}
	}
	if c.MaxBytes < 0 || c.MaxBytes > 512<<10 {
		errs = append(errs, fmt.Errorf("messages of %d bytes: at most %d, so that every server takes them", c.MaxBytes, 512<<10))
	}
	if c.URL != "" && c.Durability == Group {
		errs = append(errs, fmt.Errorf("durability %s belongs to the server in this process; that of %s has settings of its own (sync_interval)", Group, c.URL))
	}
	if c.Durability != "" {
		errs = append(errs, c.Durability.validate())
	}
	if c.MaxAge < 0 || c.InFlight < 0 || c.StoreBytes < 0 || c.MinFree < 0 || c.SyncInterval < 0 {
		errs = append(errs, errors.New("ages and sizes must not be negative"))
	}
	return errors.Join(errs...)
}

// loopback splits an address that only this computer can reach.
func loopback(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("listen on %q: say HOST:PORT, such as 127.0.0.1:4222", address)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("listen on %q: %q is not a port", address, text)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("listen on %q: only loopback is allowed, e.g. 127.0.0.1:%d, because the embedded server asks no one "+
			"who they are; to serve other computers, run a nats-server with TLS and users and give its URL", address, port)
	}
	return host, port, nil
}
