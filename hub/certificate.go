package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/porevec/porevec/internal/certs"
)

// TLS reads the certificate that a hub made for itself; nil: it has made none.
func (h *Hub) TLS() (*tls.Config, error) {
	config, err := LoadTLS(filepath.Join(h.dir, "server.crt"), filepath.Join(h.dir, "server.key"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return config, err
}

// MakeTLS makes a certificate for the names and addresses under which members find the
// hub, at least one, and gives the authority that members know it by, which signs
// nothing else. Members that were invited before have to be invited again.
func (h *Hub) MakeTLS(names []string) (ca []byte, err error) {
	authority, err := certs.NewAuthority("porevec hub " + names[0])
	if err != nil {
		return nil, err
	}
	leaf, err := authority.Issue(certs.Leaf{CommonName: names[0], Names: names, Until: time.Now().AddDate(10, 0, 0)})
	if err != nil {
		return nil, err
	}
	if _, _, err := certs.WritePair(h.dir, "server", leaf); err != nil {
		return nil, fmt.Errorf("certificate of the hub: %w", err)
	}
	return authority.PEM(), nil
}

// LoadTLS reads a certificate and its key.
func LoadTLS(certificate, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the hub: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
