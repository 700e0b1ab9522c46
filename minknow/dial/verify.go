package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// serverName is in the certificate of every MinKNOW, whatever the host is called.
const serverName = "localhost"

// tlsConfig checks the server's certificate by our own rules: Go's refuse one that has
// its name in the common name alone.
func (d *Dialer) tlsConfig(t *trouble) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: serverName, NextProtos: []string{"h2"},
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			err := d.verify(state.PeerCertificates)
			if err != nil {
				t.set(err)
			}
			return err
		},
	}
	if d.client != nil {
		config.Certificates = []tls.Certificate{*d.client}
	}
	return config
}

// CertificateError says why the certificate of a server is not trusted.
type CertificateError struct {
	CA     string // the file of the authority
	Root   *x509.Certificate
	Server *x509.Certificate
	Err    error
}

func (e *CertificateError) Error() string {
	const day = "2006-01-02"
	text := fmt.Sprintf("the server's certificate (%s, signed by %s, valid %s to %s) is not accepted",
		e.Server.Subject, e.Server.Issuer, e.Server.NotBefore.Format(day), e.Server.NotAfter.Format(day))
	return fmt.Sprintf("%s with the authority in %s (%s, valid until %s): %v", text, e.CA, e.Root.Subject, e.Root.NotAfter.Format(day), e.Err)
}

// Unwrap gives the cause.
func (e *CertificateError) Unwrap() error { return e.Err }

func (d *Dialer) verify(chain []*x509.Certificate) error {
	trusted, err := d.authority()
	if err != nil {
		return err
	}
	if len(chain) == 0 {
		return errors.New("the server shows no certificate")
	}
	leaf := chain[0]
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: trusted.pool(), Intermediates: between, CurrentTime: time.Now()})
	if err == nil {
		err = named(leaf)
	}
	if err == nil {
		return nil
	}
	return &CertificateError{CA: trusted.file, Root: trusted.certificates[0], Server: leaf, Err: err}
}

// named checks that a certificate is for localhost.
func named(leaf *x509.Certificate) error {
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) > 0 {
		return leaf.VerifyHostname(serverName)
	}
	if leaf.Subject.CommonName != serverName {
		return fmt.Errorf("it is for %q, and not for %q as MinKNOW's are", leaf.Subject.CommonName, serverName)
	}
	return nil
}
