package broker

import (
	"crypto/tls"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// What the server says of a hub every second, on connections with a number each, is one
// line, in words that help.
func TestHubInLog(t *testing.T) {
	for _, c := range []struct {
		name, format string
		args         []any
		says         string // "": nothing
		refused      bool
	}{
		{"removed, on the rig", `127.0.0.1:7422 - lid:%d - Leafnode Error %%s`, []any{"'Authorization Violation'"}, "", true},
		{"another error, on the rig", `127.0.0.1:7422 - lid:%d - "hub" - Leafnode Error %%s`, []any{"'Authentication Timeout'"}, "level=ERROR", false},
		{"away", "Error trying to connect as leafnode to remote server %%q (attempt %%v): %%v", []any{"hub:7422", 1, "no route"}, "level=INFO", false},
		{"another hub", `10.0.0.1:7422 - lid:%d - TLS %%s handshake error: %%v%%s`, []any{"leafnode", &tls.CertificateVerificationError{Err: io.EOF}, ""}, "level=WARN", false},
		{"removed, on the hub", `10.0.0.7:5123 - lid:%d - authentication error - %%s`, []any{"JWT User"}, "level=WARN", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			refused := false
			h := newHealth(slog.New(slog.NewTextHandler(&log, nil)), func() { refused = true })
			for n := range 3 {
				number := string(rune('7' + n))
				h.Errorf(strings.ReplaceAll(strings.ReplaceAll(c.format, "%d", number), "%%", "%"), c.args...)
			}
			lines := strings.Count(log.String(), "\n")
			if refused != c.refused || c.says == "" && lines != 0 || c.says != "" && (lines != 1 || !strings.Contains(log.String(), c.says)) {
				t.Errorf("refused: %v, log: %s", refused, log.String())
			}
		})
	}
}
