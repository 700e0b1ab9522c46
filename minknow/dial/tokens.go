package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/minknow/api"
)

// tokens give the header that says who we are.
type tokens struct {
	d     *Dialer
	local bool // the host may have a token for programs of its own computer

	mu      sync.Mutex
	path    string // of the local token's file
	asked   time.Time
	token   string
	expires time.Time
	read    time.Time
}

const (
	// A local token is read again so long before it expires. The old one works for a
	// while longer.
	renewBefore = 2 * time.Minute
	// A token is used unseen for so long: hosts that restart make a new one.
	unseen = 10 * time.Second
)

func newTokens(d *Dialer) *tokens {
	return &tokens{d: d, local: useLocalToken(d.opts.Host)}
}

// useLocalToken follows MINKNOW_API_USE_LOCAL_TOKEN, and by default is for this
// computer alone: the file lies on the host.
func useLocalToken(host string) bool {
	if value, set := os.LookupEnv("MINKNOW_API_USE_LOCAL_TOKEN"); set {
		return value != "" && value != "0" && !strings.EqualFold(value, "no")
	}
	own, _ := os.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.EqualFold(host, own) || ip != nil && ip.IsLoopback()
}

// header gives the credentials for calls to the manager or to a position; nil: none.
func (t *tokens) header(manager bool) credentials.PerRPCCredentials {
	protocol := os.Getenv("PROTOCOL_TOKEN")
	switch {
	case t.d.opts.Token != "":
		return fixed{"local-auth": t.d.opts.Token}
	case t.local:
		if protocol != "" && !manager {
			return &localToken{t, fixed{"protocol-auth": protocol}}
		}
		return &localToken{t, nil}
	case protocol != "" && !manager:
		return fixed{"protocol-auth": protocol}
	}
	return nil
}

// fixed is a header that never changes.
type fixed map[string]string

func (f fixed) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return f, nil
}
func (fixed) RequireTransportSecurity() bool { return true }

// localToken is the host's own token, or another header where the host has none.
type localToken struct {
	tokens *tokens
	other  fixed
}

// RequireTransportSecurity keeps the token from leaving in clear.
func (*localToken) RequireTransportSecurity() bool { return true }

// GetRequestMetadata is asked before every call.
func (l *localToken) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := l.tokens.current(ctx)
	if err != nil {
		l.tokens.d.opts.Log.Debug("no local token: going on as a guest", "error", err)
	}
	if token == "" {
		return l.other, nil
	}
	return fixed{"local-auth": token}, nil
}

// readAgain makes the next call look at the token's file.
func (t *tokens) readAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read = time.Time{}
}

// current is the local token; "" when the host has none.
func (t *tokens) current(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && time.Since(t.read) < unseen && time.Until(t.expires) > renewBefore {
		return t.token, nil
	}
	if t.path == "" && time.Since(t.asked) > unseen {
		path, err := t.askPath(ctx)
		if err != nil {
			return t.token, err
		}
		t.path, t.asked = path, time.Now()
	}
	if t.path == "" {
		return "", nil
	}
	token, expires, err := readToken(t.path)
	if err != nil {
		t.path = "" // it may have moved
		return t.token, err
	}
	t.token, t.expires, t.read = token, expires, time.Now()
	return t.token, nil
}

// askPath asks the manager, which tells anybody, where the token's file is.
func (t *tokens) askPath(ctx context.Context) (string, error) {
	conn, trouble, err := t.d.connect(t.d.opts.ManagerPort, nil)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := stand(ctx, conn, trouble); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	answer, err := api.NewManagerServiceClient(conn).LocalAuthenticationTokenPath(ctx, &api.LocalAuthenticationTokenPathRequest{})
	if status.Code(err) == codes.Unimplemented {
		return "", nil
	}
	return answer.GetPath(), err
}

// readToken reads a token's file. It may be just being written, so it is tried a few
// times.
func readToken(path string) (token string, expires time.Time, err error) {
	for try := range 4 {
		time.Sleep(time.Duration(try) * 20 * time.Millisecond)
		var text []byte
		if text, err = os.ReadFile(path); err != nil {
			break
		}
		var content struct {
			Token   string    `json:"token"`
			Expires time.Time `json:"expires"`
		}
		if err = json.Unmarshal(text, &content); err == nil && content.Token != "" {
			return content.Token, content.Expires, nil
		}
		if err == nil {
			err = errors.New("it holds no token")
		}
	}
	return "", time.Time{}, fmt.Errorf("local token %s: %w", path, err)
}
