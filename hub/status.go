package hub

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	porestream "github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// tell lets the rigs know how far the hub has got, and logs who comes and goes.
func (s *Server) tell(rigs []RigStatus) {
	for _, rig := range rigs {
		if text, err := json.Marshal(rig); err == nil {
			_ = s.conn.Publish(porestream.HubSubject(rig.Name), text) // the next one comes in a second
		}
		if s.up[rig.Name] != rig.Connected {
			s.up[rig.Name] = rig.Connected
			what := "rig has gone"
			if rig.Connected {
				what = "rig is connected"
			}
			s.cfg.Log.Info(what, "rig", rig.Name, "has_message", rig.Sequence)
		}
	}
	// Likewise, so it need not outlast a power cut.
	if text, err := json.Marshal(Status{Time: time.Now().UTC(), Waiting: s.waiting, Rigs: rigs}); err == nil && os.WriteFile(s.hub.statusFile()+".tmp", text, 0o600) == nil {
		_ = os.Rename(s.hub.statusFile()+".tmp", s.hub.statusFile())
	}
}

// Status is what a hub that runs writes down every second.
type Status struct {
	Time    time.Time   `json:"time"`
	Waiting string      `json:"waiting,omitempty"` // why nothing is taken just now
	Rigs    []RigStatus `json:"rigs"`
}

func (h *Hub) statusFile() string { return filepath.Join(h.dir, "status.json") }

// Status is how the rigs were when the hub was served last; it is empty when it never
// was.
func (h *Hub) Status() (Status, error) {
	var status Status
	text, err := os.ReadFile(h.statusFile())
	if errors.Is(err, os.ErrNotExist) {
		return status, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &status)
	}
	return status, err
}

// RigStatus is what the hub knows of a rig.
type RigStatus struct {
	Name      string    `json:"rig"`
	Connected bool      `json:"connected"`
	Sequence  uint64    `json:"sequence"` // of its last message here, in the rig's own stream
	Stream    string    `json:"stream"`   // identity of that stream, another one after the rig's store was made anew
	Last      time.Time `json:"last,omitzero"`
}

// Rigs tells of all rigs that are members.
func (s *Server) Rigs(ctx context.Context) []RigStatus {
	members := s.current()
	connected := s.connected()
	var rigs []RigStatus
	for _, m := range members {
		if m.Role != Rig || !m.Removed.IsZero() {
			continue
		}
		rig := RigStatus{Name: m.Name, Connected: connected[porestream.ServerName(m.Name)]}
		s.reached(ctx, &rig)
		rigs = append(rigs, rig)
	}
	return rigs
}

// reached finds the last message of a rig, and where it was in the rig's own stream.
func (s *Server) reached(ctx context.Context, rig *RigStatus) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := s.js.Stream(ctx, porestream.Stream)
	if err != nil {
		return
	}
	last, err := stream.GetLastMsgForSubject(ctx, wire.Subject{Rig: rig.Name}.Filter())
	if err != nil {
		return
	}
	rig.Last = last.Time
	// "POREVEC:<hash> <sequence> <filter> <transform> <subject> <identity of the stream>"
	if fields := strings.Fields(last.Header.Get("Nats-Stream-Source")); len(fields) == 6 {
		rig.Sequence, _ = strconv.ParseUint(fields[1], 10, 64)
		rig.Stream = fields[5]
	}
}

// connected are the server names of leaf nodes that are connected now.
func (s *Server) connected() map[string]bool {
	names := make(map[string]bool)
	ns := s.broker.Server()
	if ns == nil {
		return names
	}
	if leafs, err := ns.Leafz(nil); err == nil {
		for _, l := range leafs.Leafs {
			names[l.Name] = true
		}
	}
	return names
}
