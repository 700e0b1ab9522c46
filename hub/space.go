package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	porestream "github.com/porevec/porevec/sink/jetstream"
)

const (
	// near is when the disk is watched closely, in bytes above what it keeps free: well
	// more than rigs send until it is looked at again, a second later.
	near = 1 << 30
	// worth is the least change of the stream's limit that is worth writing its settings.
	worth = 1 << 20
)

// fits is the most that the stream may take, in bytes, so that the disk keeps its
// reserve; 0: no limit. A stream at its limit takes nothing more and deletes nothing. why
// says that there is no room at all.
func (s *Server) fits(ctx context.Context) (limit int64, why string, err error) {
	limit = s.cfg.StoreBytes
	free, reserve, err := s.cfg.space(s.cfg.Store, s.cfg.MinFree)
	if err != nil {
		return limit, "", nil // where space cannot be asked for, a failed write will tell
	}
	room := int64(free) - int64(reserve)
	if room >= near {
		return limit, "", nil
	}
	var stored int64
	switch stream, err := s.js.Stream(ctx, porestream.Stream); {
	case err == nil:
		stored = int64(stream.CachedInfo().State.Bytes)
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, "", err
	}
	if room <= 0 {
		why = fmt.Sprintf("the disk of %s has %d MB left, and %d are kept free: free some space, or 'porevec hub drop' runs, and the hub goes on", s.cfg.Store, free>>20, reserve>>20)
	}
	most := max(stored+max(room, 0), 1)
	if limit == 0 || most < limit {
		limit = most
	}
	return limit, why, nil
}

// keepFree holds the stream to what fits. Rigs keep what is new meanwhile.
func (s *Server) keepFree(ctx context.Context) {
	limit, why, err := s.fits(ctx)
	if err != nil {
		return // a second later again
	}
	if why != "" && s.waiting == "" {
		s.cfg.Log.Warn("the hub takes nothing more", "reason", why)
	} else if why == "" && s.waiting != "" {
		s.cfg.Log.Info("the hub has room again")
	}
	s.waiting = why
	if change := limit - s.limit; change == 0 || limit != 0 && s.limit != 0 && -worth < change && change < worth {
		return
	}
	before := s.limit
	s.limit = limit
	if err := s.source(ctx, s.current(), ""); err != nil {
		s.limit = before
		s.cfg.Log.Warn("the hub's stream could not be limited", "error", err)
	}
}
