package dial

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// version1 makes a certificate of X.509 version 1, as MinKNOW's authority was until 6.2:
// it has no extensions, and crypto/x509 makes none such.
func version1(t *testing.T, subject, issuer string, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	name := func(cn string) asn1.RawValue {
		der, err := asn1.Marshal(pkix.Name{CommonName: cn}.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: der}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}} // ECDSA with SHA-256
	type validity struct{ From, Until time.Time }
	tbs, err := asn1.Marshal(struct {
		Serial          *big.Int
		Algorithm       pkix.AlgorithmIdentifier
		Issuer          asn1.RawValue
		Validity        validity
		Subject, Public asn1.RawValue
	}{
		big.NewInt(7), algorithm, name(issuer), validity{time.Now().Add(-time.Hour).UTC(), time.Now().Add(time.Hour).UTC()},
		name(subject), asn1.RawValue{FullBytes: public},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, by, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVersion1Certificates(t *testing.T) {
	t.Setenv("MINKNOW_API_USE_LOCAL_TOKEN", "0")
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	ca := version1(t, "Root CA", "Root CA", keys[0], keys[0])
	leaf := version1(t, "localhost", "Root CA", keys[1], keys[0])
	if parsed, err := x509.ParseCertificate(ca); err != nil || parsed.Version != 1 {
		t.Fatalf("version %d, %v", parsed.Version, err)
	}
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), 0o644); err != nil {
		t.Fatal(err)
	}
	port := (&host{}).port(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf}, PrivateKey: keys[1]}}})
	if err := version(t, dialer(t, Options{CA: file}), port); err != nil {
		t.Error(err)
	}
}
