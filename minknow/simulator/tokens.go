package simulator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// tokens is what clients of this computer prove themselves with.
type tokens struct {
	path   string // of the file
	guests bool

	mu    sync.Mutex
	valid string
}

const tokenLife = 24 * time.Hour

func newTokens(dir string, guests bool) (*tokens, error) {
	t := &tokens{path: filepath.Join(dir, "token.json"), guests: guests}
	return t, t.renew()
}

// renew writes another token; the one before is no longer valid.
func (t *tokens) renew() error {
	token := rand.Text()
	text, err := json.Marshal(map[string]any{"token": token, "expires": time.Now().Add(tokenLife).UTC()})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := os.WriteFile(t.path+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(t.path+".new", t.path); err != nil {
		return err
	}
	t.valid = token
	return nil
}

// open are the calls that anybody may make.
var open = []string{"flow_cell_positions", "watch_flow_cell_positions", "local_authentication_token_path"}

func (t *tokens) check(ctx context.Context, method string) error {
	if t.guests || slices.Contains(open, path.Base(method)) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	if slices.Contains(md.Get("local-auth"), t.valid) {
		return nil
	}
	return status.Error(codes.Unauthenticated, "Bad metadata key")
}

// interceptors check who calls, and refuse the calls that are not to be had.
func (t *tokens) interceptors(without []string) []grpc.ServerOption {
	check := func(ctx context.Context, method string) error {
		if slices.Contains(without, path.Base(method)) {
			return status.Errorf(codes.Unimplemented, "%s is not implemented", path.Base(method))
		}
		return t.check(ctx, method)
	}
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			if err := check(ctx, info.FullMethod); err != nil {
				return nil, err
			}
			return handle(ctx, request)
		}),
		grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			if err := check(stream.Context(), info.FullMethod); err != nil {
				return err
			}
			return handle(server, stream)
		}),
	}
}
