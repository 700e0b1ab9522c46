package hub

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/porevec/porevec/sink/jetstream"
	"github.com/porevec/porevec/sink/wire"
)

// leafConn is a leaf node that speaks for itself: whoever has a rig's key need not run a
// server that keeps to the rules.
type leafConn struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialLeaf(t *testing.T, address string, creds []byte) *leafConn {
	t.Helper()
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	first, err := bufio.NewReader(plain).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(first, "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(ParseAddress(creds).CA)
	l := &leafConn{conn: tls.Client(plain, &tls.Config{RootCAs: authorities, ServerName: "localhost"})}
	l.r = bufio.NewReader(l.conn)
	token, err := nkeys.ParseDecoratedJWT(creds)
	if err != nil {
		t.Fatal(err)
	}
	key, err := nkeys.ParseDecoratedNKey(creds)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign([]byte(info.Nonce))
	if err != nil {
		t.Fatal(err)
	}
	connect, err := json.Marshal(map[string]any{
		"jwt": token, "sig": base64.RawURLEncoding.EncodeToString(signature), "tls_required": true, "headers": true,
		"name": "thief", "server_id": "thief", "version": "2.15.2",
	})
	if err != nil {
		t.Fatal(err)
	}
	l.send("CONNECT %s\r\nPING\r\nLS+ $JS.*.API.>\r\n", connect)
	return l
}

func (l *leafConn) send(format string, args ...any) { fmt.Fprintf(l.conn, format, args...) }

func (l *leafConn) publish(subject, reply, payload string) {
	l.send("LMSG %s %s %d\r\n%s\r\n", subject, reply, len(payload), payload)
}

// forge answers whatever the hub asks any rig, as far as it may, and gives it messages of
// rig1 for that, until the connection ends.
func (l *leafConn) forge() {
	for n := 0; ; {
		line, err := l.r.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.Fields(line)
		switch {
		case len(word) == 0:
		case word[0] == "PING":
			l.send("PONG\r\n")
		case word[0] == "LMSG" || word[0] == "HMSG":
			var size int64
			fmt.Sscan(word[len(word)-1], &size)
			_, _ = io.CopyN(io.Discard, l.r, size+2)
		case word[0] == "LS+" && strings.HasPrefix(word[1], "$JSC.R."):
			// The hub waits for an answer there.
			n++
			l.publish(word[1], "none", fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.consumer_create_response","stream_name":"POREVEC","name":"forged",`+
				`"created":"2026-01-01T00:00:00Z","config":{"deliver_subject":"%s.S.%d","deliver_policy":"all","ack_policy":"none","replay_policy":"instant"},`+
				`"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0}}`, syncPrefix("rig2"), n))
		case word[0] == "LS+" && strings.HasPrefix(word[1], syncPrefix("rig2")):
			// It listens to what was answered.
			forged := wire.Subject{Rig: "rig1", Position: "X1", Run: "run", Kind: wire.Emb}
			l.publish(word[1], fmt.Sprintf("$JS.ACK.POREVEC.forged.1.1.1.%d.0@%s", time.Now().UnixNano(), forged), "forged")
		}
	}
}

// Who has the key of a rig can write as that rig, and as no other.
func TestForgery(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	thief := dialLeaf(t, h.rigs, h.invite(t, "rig2", Rig))
	h.invite(t, "rig1", Rig) // away, so nobody else answers for it
	forging := make(chan struct{})
	go func() {
		defer close(forging)
		thief.forge()
	}()
	stream, err := h.server.js.Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, err := stream.GetLastMsgForSubject(t.Context(), wire.Subject{Rig: "rig2"}.Filter()); err == nil {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Error("nothing was forged: this test shows nothing")
			break
		}
	}
	time.Sleep(5 * time.Second) // the hub asks for rig1 several times
	if got, err := stream.GetLastMsgForSubject(t.Context(), wire.Subject{Rig: "rig1"}.Filter()); err == nil {
		t.Errorf("rig2 wrote %s: %q, %v", got.Subject, got.Data, got.Header)
	}
	thief.conn.Close()
	<-forging
}
