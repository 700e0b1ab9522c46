package simulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/porevec/porevec/internal/certs"
	"github.com/porevec/porevec/minknow/api"
)

// Simulator is a MinKNOW host that does not exist.
type Simulator struct {
	cfg       Config
	tokens    *tokens
	ca        string
	manager   server
	positions []*position
	listed    *news[map[string]uint16] // ports of the positions; 0: its software is down
}

// New opens the recordings, makes certificates and listens. Runs begin with Serve.
func New(cfg Config) (*Simulator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	lib, err := openLibrary(cfg.Paths, cfg.Log)
	if err != nil {
		return nil, err
	}
	s := &Simulator{cfg: cfg, ca: filepath.Join(cfg.Dir, "ca.crt"), listed: newNews(map[string]uint16{})}
	config, err := s.certificate()
	if err != nil {
		return nil, err
	}
	if s.tokens, err = newTokens(cfg.Dir, cfg.Guests); err != nil {
		return nil, err
	}
	options := s.tokens.interceptors(cfg.Without)
	s.manager = server{address: cfg.Listen, config: config, options: options, moved: func(uint16) {}, register: func(g *grpc.Server) {
		api.RegisterManagerServiceServer(g, &managerService{s: s})
	}}
	for i := range cfg.Positions {
		p, err := newPosition(cfg, i, positionName(cfg, lib.run.Position, i), lib, s.tokens)
		if err != nil {
			s.stop()
			return nil, err
		}
		p.server = server{address: cfg.Listen, config: config, options: options, register: p.register, moved: func(port uint16) { s.list(p.name, port) }}
		s.positions = append(s.positions, p)
		if err := p.server.start(0); err != nil {
			s.stop()
			return nil, err
		}
	}
	if err := s.manager.start(cfg.ManagerPort); err != nil {
		s.stop()
		return nil, fmt.Errorf("the manager cannot listen: %w", err)
	}
	return s, nil
}

func positionName(cfg Config, recorded string, i int) string {
	name := cfg.Name
	if name == "" {
		name = recorded
	}
	if name == "" {
		name = "MS00000"
	}
	if cfg.Positions > 1 {
		name += "-" + strconv.Itoa(i+1)
	}
	return name
}

// certificate makes an authority and a leaf of its, and writes what clients must know.
func (s *Simulator) certificate() (*tls.Config, error) {
	ca, err := certs.NewAuthority("MinKNOW simulated by porevec")
	if err != nil {
		return nil, err
	}
	leaf, err := ca.Issue(certs.Leaf{})
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12}, os.WriteFile(s.ca, ca.PEM(), 0o644)
}

// list notes where a position listens.
func (s *Simulator) list(name string, port uint16) {
	before, _ := s.listed.get()
	after := map[string]uint16{name: port}
	for other, port := range before {
		if other != name {
			after[other] = port
		}
	}
	s.listed.set(after)
}

// Serve plays the runs and returns when all of them are over or ctx ends. Then nobody
// listens any more.
func (s *Simulator) Serve(ctx context.Context) error {
	defer s.stop()
	var group errgroup.Group
	for _, p := range s.positions {
		group.Go(func() error { return p.play(ctx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() == nil {
		sleep(ctx, lastWords) // clients learn that the runs are over
	}
	return nil
}

func (s *Simulator) stop() {
	for _, p := range s.positions {
		p.server.stop()
	}
	s.manager.stop()
}

// Port is where the manager listens.
func (s *Simulator) Port() int { return s.manager.port() }

// Address is host and port of the manager.
func (s *Simulator) Address() string { return net.JoinHostPort(s.cfg.Listen, strconv.Itoa(s.Port())) }

// CA is the file of the authority that clients must trust.
func (s *Simulator) CA() string { return s.ca }

// Positions are the names of the positions, and the ports that they listen on.
func (s *Simulator) Positions() map[string]uint16 {
	ports, _ := s.listed.get()
	return ports
}

// Actions are those that clients sent, on all positions: a passive client sends none.
func (s *Simulator) Actions() []*api.GetLiveReadsRequest_Action {
	var all []*api.GetLiveReadsRequest_Action
	for _, p := range s.positions {
		p.mu.Lock()
		all = append(all, p.actions...)
		p.mu.Unlock()
	}
	return all
}

// Messages are those that clients wrote into the log.
func (s *Simulator) Messages() []string {
	var all []string
	for _, p := range s.positions {
		p.mu.Lock()
		all = append(all, p.messages...)
		p.mu.Unlock()
	}
	return all
}

// Sent tells what was sent of every read, when Books are kept. Call it after Serve.
func (s *Simulator) Sent() []Sent {
	var all []Sent
	for _, p := range s.positions {
		for _, b := range p.books {
			for _, read := range b.order {
				all = append(all, *read)
			}
		}
	}
	return all
}
