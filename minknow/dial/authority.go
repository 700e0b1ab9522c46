package dial

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// authority is what is trusted.
type authority struct {
	file         string
	certificates []*x509.Certificate
}

// authorityFiles are where MinKNOW keeps its authority, in the order in which its own
// client looks; the last is that of versions up to 6.2.
func authorityFiles() []string {
	var files []string
	if file := os.Getenv("MINKNOW_TRUSTED_CA"); file != "" {
		files = append(files, file)
	}
	switch runtime.GOOS {
	case "windows":
		files = append(files, `C:\data\rpc-certs\minknow\ca.crt`)
	case "darwin":
		files = append(files, "/Library/MinKNOW/data/rpc-certs/minknow/ca.crt")
	default:
		files = append(files, "/data/rpc-certs/minknow/ca.crt", "/var/lib/minknow/data/rpc-certs/minknow/ca.crt")
	}
	return append(files, "/opt/ont/minknow/conf/rpc-certs/ca.crt")
}

// Installed says whether a MinKNOW has left the certificate of its authority on this
// computer.
func Installed() bool {
	for _, file := range authorityFiles() {
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	return false
}

// authority finds and reads what is trusted.
func (d *Dialer) authority() (*authority, error) {
	if d.opts.CA != "" {
		return readAuthority(d.opts.CA)
	}
	files := authorityFiles()
	for _, file := range files {
		a, err := readAuthority(file)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return a, err
		}
	}
	return nil, fmt.Errorf("the certificate of MinKNOW's authority (ca.crt) is in none of its places %q: copy it from the host, "+
		"where it lies in <data folder>/rpc-certs/minknow/ca.crt, and name it with --ca", files)
}

func readAuthority(file string) (*authority, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: this user may not read MinKNOW's certificate; let it, or copy the file and name the copy with --ca", err)
	}
	if err != nil {
		return nil, err
	}
	a := &authority{file: file}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		a.certificates = append(a.certificates, certificate)
	}
	if len(a.certificates) == 0 {
		return nil, fmt.Errorf("%s: this is no certificate in PEM form (-----BEGIN CERTIFICATE-----)", file)
	}
	return a, nil
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range a.certificates {
		pool.AddCert(c)
	}
	return pool
}
