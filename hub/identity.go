package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/porevec/porevec/internal/durable"
	porestream "github.com/porevec/porevec/sink/jetstream"
)

// identity is what makes a hub itself: keys that sign, and accounts.
type identity struct {
	operator, system, account nkeys.KeyPair
}

// seeds is how it is kept, readable to its owner alone.
type seeds struct {
	Operator, System, Account string
}

func identityFile(dir string) string {
	return filepath.Join(dir, filepath.Base(porestream.HubIdentity))
}

// loadIdentity reads the identity of a hub.
func loadIdentity(dir string) (*identity, error) {
	path := identityFile(dir)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s seeds
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w; without it no rig can connect: restore it from a copy", path, err)
	}
	var id identity
	var errs [3]error
	id.operator, errs[0] = nkeys.FromSeed([]byte(s.Operator))
	id.system, errs[1] = nkeys.FromSeed([]byte(s.System))
	id.account, errs[2] = nkeys.FromSeed([]byte(s.Account))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("%s: %w; without it no rig can connect: restore it from a copy", path, err)
	}
	return &id, nil
}

func makeIdentity(dir string) (*identity, error) {
	var id identity
	var s seeds
	for _, k := range []struct {
		make func() (nkeys.KeyPair, error)
		key  *nkeys.KeyPair
		seed *string
	}{
		{nkeys.CreateOperator, &id.operator, &s.Operator}, {nkeys.CreateAccount, &id.system, &s.System}, {nkeys.CreateAccount, &id.account, &s.Account},
	} {
		key, err := k.make()
		if err != nil {
			return nil, err
		}
		seed, err := key.Seed()
		if err != nil {
			return nil, err
		}
		*k.key, *k.seed = key, string(seed)
	}
	return &id, writeJSON(identityFile(dir), s)
}

// writeJSON replaces a file as a whole and durably, readable to its owner alone.
func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(text, '\n'), 0o600)
}

func public(key nkeys.KeyPair) string {
	text, _ := key.PublicKey() // fails only for keys that are wiped
	return text
}

// operatorClaims make the server trust what this hub signs.
func (id *identity) operatorClaims() (*jwt.OperatorClaims, error) {
	claims := jwt.NewOperatorClaims(public(id.operator))
	claims.Name = "porevec hub"
	claims.SystemAccount = public(id.system)
	text, err := claims.Encode(id.operator)
	if err != nil {
		return nil, err
	}
	return jwt.DecodeOperatorClaims(text)
}

// systemJWT is the account of the server itself.
func (id *identity) systemJWT() (string, error) {
	claims := jwt.NewAccountClaims(public(id.system))
	claims.Name = "SYS"
	return claims.Encode(id.operator)
}

// accountJWT is the account of all members, without those that were removed.
func (id *identity) accountJWT(removed []Member) (string, error) {
	claims := jwt.NewAccountClaims(public(id.account))
	claims.Name = "PORE"
	claims.Limits.JetStreamLimits.DiskStorage = jwt.NoLimit
	claims.Limits.JetStreamLimits.MemoryStorage = jwt.NoLimit
	for _, m := range removed {
		claims.RevokeAt(m.Key, time.Now())
	}
	return claims.Encode(id.operator)
}
