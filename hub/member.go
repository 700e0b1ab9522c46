package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	porestream "github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// Role is what a member may do.
type Role string

const (
	// Rig sends what is its own, and nothing else.
	Rig Role = "rig"
	// Subscriber reads everything and stores nothing.
	Subscriber Role = "subscriber"
	// local is the hub's own connection.
	local Role = "local"
)

// Member is somebody whom the hub lets in.
type Member struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Key     string    `json:"key"` // public
	Added   time.Time `json:"added"`
	Removed time.Time `json:"removed,omitzero"`
}

// Hub is the folder of a hub: its identity and its members. Another process may serve it
// meanwhile, and takes up changes within a second.
type Hub struct {
	store string
	dir   string // for all but the stream, in store
	id    *identity
}

// Make makes a hub in a store's folder, or opens the one that is there.
func Make(store string) (*Hub, error) {
	h := folder(store)
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make hub: %w", err)
	}
	changing, err := lock(h.dir)
	if err != nil {
		return nil, fmt.Errorf("make hub: %w", err)
	}
	defer changing.Close()
	if h.id, err = loadIdentity(h.dir); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(store, "jetstream")); err == nil {
			return nil, fmt.Errorf("make hub: %s is the store of a rig: name another --store", store)
		}
		h.id, err = makeIdentity(h.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("make hub: %w", err)
	}
	return h, nil
}

// Open opens the hub that was made in a store's folder. Where there is none, its error is
// [os.ErrNotExist].
func Open(store string) (*Hub, error) {
	h := folder(store)
	var err error
	if h.id, err = loadIdentity(h.dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no hub in %s: 'porevec hub init' makes one, --store names another folder (%w)", store, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open hub: %w", err)
	}
	return h, nil
}

func folder(store string) *Hub { return &Hub{store: store, dir: filepath.Join(store, "hub")} }

func (h *Hub) membersFile() string { return filepath.Join(h.dir, "members.json") }

// Members are all that were ever added, in that order.
func (h *Hub) Members() ([]Member, error) {
	text, err := os.ReadFile(h.membersFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("members of the hub: %w", err)
	}
	var members []Member
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("%s: %w", h.membersFile(), err)
	}
	return members, nil
}

// Add lets somebody in, and gives the credentials file that is the invitation. A rig
// that is added again gets a new key; the old one goes on to work until it is removed.
func (h *Hub) Add(name string, role Role) ([]byte, error) {
	at, err := h.Address()
	if err != nil {
		return nil, err
	}
	if name == "" || wire.Token(name) != name {
		return nil, fmt.Errorf("name %q: only letters, digits, - and _ are allowed, as in subjects; %q would do", name, wire.Token(name))
	}
	changing, err := lock(h.dir)
	if err != nil {
		return nil, fmt.Errorf("add %s: %w", name, err)
	}
	defer changing.Close()
	members, err := h.Members()
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.Name == name && m.Removed.IsZero() {
			return nil, fmt.Errorf("%s is a member already (%s, since %s): remove it first to give it a new key", name, m.Role, m.Added.Format(time.DateOnly))
		}
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	creds, err := h.id.credentials(key, name, role)
	if err != nil {
		return nil, err
	}
	members = append(members, Member{Name: name, Role: role, Key: public(key), Added: time.Now().UTC().Truncate(time.Second)})
	if err := writeJSON(h.membersFile(), members); err != nil {
		return nil, fmt.Errorf("add %s: %w", name, err)
	}
	return at.invite(creds), nil
}

// Remove shuts somebody out, also from connections that exist. What came from a rig
// stays.
func (h *Hub) Remove(name string) error {
	changing, err := lock(h.dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	defer changing.Close()
	members, err := h.Members()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m Member) bool { return m.Name == name && m.Removed.IsZero() })
	if i < 0 {
		return fmt.Errorf("%s is not a member", name)
	}
	members[i].Removed = time.Now().UTC().Truncate(time.Second)
	return writeJSON(h.membersFile(), members)
}

// syncPrefix begins the subjects on which a rig sends the messages of its stream.
func syncPrefix(rig string) string { return "porevec-sync." + rig }

// credentials signs what a member may do.
func (id *identity) credentials(key nkeys.KeyPair, name string, role Role) ([]byte, error) {
	claims := jwt.NewUserClaims(public(key))
	claims.Name = name
	all := wire.Subject{Rig: name}.Filter()
	switch role {
	case Rig:
		claims.AllowedConnectionTypes.Add(jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeLeafnodeWS)
		// Its vectors as they are made, for who listens now; its stream; answers to the
		// hub's requests.
		claims.Pub.Allow.Add(all, syncPrefix(name)+".>", "$JSC.R."+name+".>")
		claims.Sub.Allow.Add("$JS."+name+".API.>", "$JS.FC.>", porestream.HubSubject(name))
	case Subscriber:
		claims.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket)
		claims.Pub.Allow.Add("$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
			"$JS.API.CONSUMER.>", "$JS.ACK.>", "$JS.FC.>")
		claims.Sub.Allow.Add(wire.Subject{}.Filter(), "_INBOX.>")
	case local:
	}
	text, err := claims.Encode(id.account)
	if err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(text, seed)
}
