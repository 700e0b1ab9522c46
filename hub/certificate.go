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

// CA is the authority of that certificate, which members need; empty: there is none.
func (h *Hub) CA() ([]byte, error) {
	pem, err := os.ReadFile(filepath.Join(h.dir, "ca.pem"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return pem, err
}

// MakeTLS makes a certificate for the names and addresses under which members find the
// hub, and an authority for it, which signs nothing else. Members that were invited
// before have to be invited again.
func (h *Hub) MakeTLS(names []string) error {
	if len(names) == 0 {
		return errors.New("a certificate needs the name or address under which rigs find the hub")
	}
	authority, err := certs.NewAuthority("porevec hub " + names[0])
	if err != nil {
		return err
	}
	leaf, err := authority.Issue(certs.Leaf{CommonName: names[0], Names: names, Until: time.Now().AddDate(10, 0, 0)})
	if err != nil {
		return err
	}
	if _, _, err := certs.WritePair(h.dir, "server", leaf); err != nil {
		return fmt.Errorf("certificate of the hub: %w", err)
	}
	return os.WriteFile(filepath.Join(h.dir, "ca.pem"), authority.PEM(), 0o644)
}

// LoadTLS reads a certificate and its key.
func LoadTLS(certificate, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the hub: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
