package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/porevec/porevec/internal/durable"
	"github.com/porevec/porevec/sink/wire"
)

// Join is a store's membership in a hub: what the server of the store needs to connect
// there as a leaf node. It lies in the store's folder, and takes effect whenever the
// store is opened.
type Join struct {
	URL string `json:"url"` // of the hub's port for rigs
	Rig string `json:"rig"` // the name that the hub knows, and the JetStream domain
	// Insecure lets a hub without TLS be joined from another computer.
	Insecure bool `json:"insecure,omitempty"`

	dir string
}

// ServerName is that of a rig's server, which must be unique among those of a hub.
func ServerName(rig string) string { return "porevec-" + rig }

func joinDir(store string) string { return filepath.Join(store, "hub") }

// HubIdentity is a file in the store's folder of a hub, and of nothing else.
const HubIdentity = "hub/identity.json"

// noHub refuses a folder in which a server of a hub is at home. Another one would see
// nothing of what is there, and leave things of its own.
func noHub(store string) error {
	if _, err := os.Stat(filepath.Join(store, filepath.FromSlash(HubIdentity))); err != nil {
		return nil
	}
	return fmt.Errorf("%s is the folder of a hub: 'porevec hub runs' and 'porevec hub drop' see to what it holds, and who reads vectors connects with --nats "+
		"and an invitation ('porevec hub invite NAME --subscriber'); for vectors of this computer name another --store", store)
}

// LoadJoin gives the membership of a store; nil: it is in no hub.
func LoadJoin(store string) (*Join, error) {
	dir := joinDir(store)
	text, err := os.ReadFile(filepath.Join(dir, "join.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j := Join{dir: dir}
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "join.json"), err)
	}
	return &j, nil
}

// Save makes a store a member. creds is the content of a credentials file; ca are PEM
// certificates of the hub's authority, and empty for one that the system knows.
func (j Join) Save(store string, creds, ca []byte) error {
	if err := j.validate(); err != nil {
		return err
	}
	j.dir = joinDir(store)
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	// The one that makes it a member comes last.
	for _, f := range []struct {
		name string
		data []byte
	}{{"rig.creds", creds}, {"ca.pem", ca}, {"join.json", append(text, '\n')}} {
		if err := durable.WriteFile(filepath.Join(j.dir, f.name), f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Leave ends the membership of a store.
func Leave(store string) error {
	err := os.Remove(filepath.Join(joinDir(store), "join.json"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store %s is in no hub", store)
	}
	return errors.Join(err, os.Remove(filepath.Join(joinDir(store), "rig.creds")), os.Remove(filepath.Join(joinDir(store), "ca.pem")))
}

func (j *Join) validate() error {
	at, err := url.Parse(j.URL)
	switch {
	case err != nil:
		return fmt.Errorf("hub %q: %w", j.URL, err)
	case at.Host == "" || at.Port() == "":
		return fmt.Errorf("hub %q: say it like tls://hub.example:7422", j.URL)
	case at.Scheme != "tls" && at.Scheme != "nats" && at.Scheme != "nats-leaf" && at.Scheme != "wss" && at.Scheme != "ws":
		return fmt.Errorf("hub %q: must begin with tls:// or nats://", j.URL)
	case j.Rig == "" || wire.Token(j.Rig) != j.Rig:
		return fmt.Errorf("rig %q: only letters, digits, - and _ are allowed", j.Rig)
	}
	if _, _, err := loopback(at.Host); err != nil && at.Scheme != "tls" && at.Scheme != "wss" && !j.Insecure {
		return fmt.Errorf("hub %q: over a network it needs TLS, or others read and forge what is sent: begin with tls:// (--insecure overrides)", j.URL)
	}
	return nil
}

// apply makes a server a leaf node of the hub.
func (j *Join) apply(opts *server.Options) error {
	if err := j.validate(); err != nil {
		return err
	}
	at, err := url.Parse(j.URL)
	if err != nil {
		return err
	}
	remote := &server.RemoteLeafOpts{
		URLs:        []*url.URL{at},
		Credentials: filepath.Join(j.dir, "rig.creds"),
		// What the hub says about itself is of its own network.
		IgnoreDiscoveredServers: true,
		TLS:                     at.Scheme == "tls" || at.Scheme == "wss",
	}
	if remote.TLS {
		remote.TLSConfig = &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12}
		remote.TLSTimeout = 10
		pem, err := os.ReadFile(filepath.Join(j.dir, "ca.pem"))
		if err != nil {
			return err
		}
		if len(pem) > 0 {
			remote.TLSConfig.RootCAs = x509.NewCertPool()
			if !remote.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("%s holds no certificate: join the hub again", filepath.Join(j.dir, "ca.pem"))
			}
		}
	}
	opts.ServerName, opts.JetStreamDomain = ServerName(j.Rig), j.Rig
	opts.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
	opts.ReconnectErrorReports = server.DEFAULT_CONNECT_ERROR_REPORTS // of attempts a second each
	return nil
}
