package jetstream

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// Pages of this computer may connect, pages of the web that happen to be open may not.
func TestWebSocket(t *testing.T) {
	s := open(t, Config{Store: t.TempDir(), WebSocket: "127.0.0.1:0", Origins: []string{"http://localhost:8000"}})
	conn, err := nats.Connect(s.WebSocketURL())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for origin, want := range map[string]int{"http://localhost:8000": http.StatusSwitchingProtocols, "https://evil.example": http.StatusForbidden} {
		req, err := http.NewRequest(http.MethodGet, strings.Replace(s.WebSocketURL(), "ws", "http", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Origin": origin,
		} {
			req.Header.Set(k, v)
		}
		response, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("a page from %s gets %d, want %d", origin, response.StatusCode, want)
		}
	}
	if _, err := Open(t.Context(), Config{Store: t.TempDir(), WebSocket: "0.0.0.0:8222"}); err == nil {
		t.Error("other computers may connect")
	}
}
