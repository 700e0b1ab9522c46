package power

import (
	"errors"
	"fmt"
	"time"
)

const (
	// openPatience is for the first answer: where nothing keeps the driver loaded, each
	// card takes a second or more to wake.
	openPatience = 10 * time.Second
	// readPatience is for each later one, which takes milliseconds for a card, and for the
	// end.
	readPatience = 2 * time.Second
)

// errSilent is a driver that hangs, as NVIDIA's does when a card has fallen off its bus.
var errSilent = errors.New("the NVIDIA driver does not answer")

// patient asks a driver of graphics cards that may hang: a goroutine of its own calls
// it, one call at a time, and nobody waits for that longer than a patience. A call that
// hangs cannot be ended. It is left behind, and its goroutine ends when it comes back.
type patient struct {
	ask   chan struct{} // closed: the end
	told  chan []GPU    // has room for an answer that nobody waits for any more
	ended chan struct{}
	cards []GPU // what is left of them while they are silent: who they are
	late  bool  // the last call has not come back yet
}

// openPatient also gives the first answer. The patient is nil when there are no cards.
func openPatient(open func() (cards, error)) (*patient, []GPU, error) {
	p := &patient{ask: make(chan struct{}, 1), told: make(chan []GPU, 1), ended: make(chan struct{})}
	failed := make(chan error, 1)
	go p.serve(open, failed)
	select {
	case gpus := <-p.told:
		for _, g := range gpus {
			p.cards = append(p.cards, GPU{Name: g.Name, Driver: g.Driver})
		}
		return p, gpus, nil
	case err := <-failed:
		return nil, nil, err
	case <-time.After(openPatience):
		close(p.ask)
		return nil, nil, fmt.Errorf("%w within %v", errSilent, openPatience)
	}
}

// serve answers once for having been opened, and then each time it is asked.
func (p *patient) serve(open func() (cards, error), failed chan<- error) {
	defer close(p.ended)
	c, err := open()
	if c == nil {
		failed <- err
		return
	}
	p.told <- c.read()
	for range p.ask {
		p.told <- c.read()
	}
}

// read lists the same cards each time. While a call hangs it does not wait, and nothing
// is known of them.
func (p *patient) read() ([]GPU, error) {
	if p.late {
		select {
		case <-p.told: // too old to be of use
		default:
			return p.cards, fmt.Errorf("%w within %v", errSilent, readPatience)
		}
	}
	p.ask <- struct{}{}
	select {
	case gpus := <-p.told:
		p.late = false
		return gpus, nil
	case <-time.After(readPatience):
		p.late = true
		return p.cards, fmt.Errorf("%w within %v", errSilent, readPatience)
	}
}

// close ends the goroutine; its error says that it was left behind.
func (p *patient) close() error {
	close(p.ask)
	select {
	case <-p.ended:
		return nil
	case <-time.After(readPatience):
		return fmt.Errorf("%w within %v", errSilent, readPatience)
	}
}
