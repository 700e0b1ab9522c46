package hub

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Address is where members find the hub, and how they know it.
type Address struct {
	Rigs    string `json:"rigs"`         // URL for rigs, such as tls://hub.example:7422
	Clients string `json:"clients"`      // URL for subscribers
	CA      []byte `json:"ca,omitempty"` // PEM; empty: an authority that their system knows
}

func (h *Hub) addressFile() string { return filepath.Join(h.dir, "address.json") }

// SetAddress keeps the address for the invitations to come.
func (h *Hub) SetAddress(a Address) error { return writeJSON(h.addressFile(), a) }

// Address is what was set; its fields are empty where nothing was.
func (h *Hub) Address() (Address, error) {
	var a Address
	text, err := os.ReadFile(h.addressFile())
	if errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		err = fmt.Errorf("address of the hub: %w", err)
	}
	return a, err
}

const (
	rigsLine    = "# porevec hub for rigs: "
	clientsLine = "# porevec hub for subscribers: "
)

// invite adds the address to a credentials file. Programs that read only the
// credentials pass over it.
func (a Address) invite(creds []byte) []byte {
	var out bytes.Buffer
	out.Write(creds)
	if out.Len() > 0 && creds[len(creds)-1] != '\n' {
		out.WriteByte('\n')
	}
	if a.Rigs != "" {
		out.WriteString("\n" + rigsLine + a.Rigs + "\n")
	}
	if a.Clients != "" {
		out.WriteString("\n" + clientsLine + a.Clients + "\n")
	}
	out.Write(a.CA)
	return out.Bytes()
}

// ParseAddress finds the address in a credentials file; what is not in it stays empty.
func ParseAddress(creds []byte) Address {
	var a Address
	for line := range strings.Lines(string(creds)) {
		line = strings.TrimSpace(line)
		if url, ok := strings.CutPrefix(line, rigsLine); ok {
			a.Rigs = url
		}
		if url, ok := strings.CutPrefix(line, clientsLine); ok {
			a.Clients = url
		}
	}
	for rest := creds; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return a
		}
		if block.Type == "CERTIFICATE" {
			a.CA = append(a.CA, pem.EncodeToMemory(block)...)
		}
	}
}
