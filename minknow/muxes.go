package minknow

import "sync/atomic"

// muxes are the wells that the channels of a position are connected to now. They are
// written by one goroutine and read by another.
type muxes struct{ wells []atomic.Uint32 }

func newMuxes(channels int) *muxes { return &muxes{make([]atomic.Uint32, channels)} }

// of is the well of a channel, from 1; 0 when it is unknown.
func (m *muxes) of(channel uint16) uint8 {
	if i := int(channel) - 1; i < len(m.wells) {
		return uint8(m.wells[i].Load())
	}
	return 0
}

func (m *muxes) set(channel, well uint32) {
	if i := int(channel) - 1; i >= 0 && i < len(m.wells) && well < 256 {
		m.wells[i].Store(well)
	}
}
