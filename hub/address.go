package hub

import (
	"bytes"
	"encoding/pem"
	"strings"
)

// Address is where members find the hub, and how they know it.
type Address struct {
	Rigs    string // URL for rigs, such as tls://hub.example:7422
	Clients string // URL for subscribers
	CA      []byte // PEM; empty: an authority that their system knows
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
