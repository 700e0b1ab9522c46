package segment

import (
	"github.com/porevec/porevec/signal"
)

// stretch is the state of one read: the signal without a gap that is being cut.
//
//	          chunk k          next chunk
//	|--------[=========]-----[====...
//	^ held[0] at base  ^ embedded    ^ next
type stretch struct {
	read   *signal.Read
	leader int          // samples of the leader still to come
	seen   moments      // of the samples up to the last chunk's end
	index  uint32       // of the next chunk
	always signal.Flags // on every chunk of the read
	once   signal.Flags // on the next chunk only

	begun    uint64  // where this stretch starts, after the leader
	base     uint64  // position of held[0] in the read
	held     []int16 // what later chunks may still need
	next     uint64  // where the next regular chunk starts
	embedded uint64  // end of the last chunk
}

// restart begins a new stretch at offset, after a gap.
func (st *stretch) restart(offset uint64, flags signal.Flags) {
	st.held = st.held[:0]
	st.leader = 0
	st.begun, st.base, st.next, st.embedded = offset, offset, offset, offset
	st.once |= flags
}

func (st *stretch) end() uint64 { return st.base + uint64(len(st.held)) }

// add takes samples in and cuts every chunk that they complete.
func (st *stretch) add(cfg Config, samples []int16, out Output) error {
	if dropped := min(st.leader, len(samples)); dropped > 0 {
		out.Skip(st.read, Leader, uint64(dropped))
		left := st.leader - dropped
		st.restart(st.base+uint64(dropped), 0)
		st.leader = left
		samples = samples[dropped:]
	}
	st.held = append(st.held, samples...)
	window := uint64(cfg.Window)
	for st.end() >= st.next+window {
		if err := st.cut(st.next, st.next+window, 0, out); err != nil {
			return err
		}
		st.next += uint64(cfg.Hop)
	}
	st.forget(window)
	return nil
}

// forget drops samples that no chunk can need any more: a tail chunk reaches
// back one window from an end that has not come yet.
func (st *stretch) forget(window uint64) {
	keep := st.next
	if st.end() < st.base+window {
		return
	}
	keep = min(keep, st.end()-window)
	if keep <= st.base {
		return
	}
	n := copy(st.held, st.held[keep-st.base:])
	st.held = st.held[:n]
	st.base = keep
}

// cut hands out the chunk [start, end) and accounts for what came before it.
func (st *stretch) cut(start, end uint64, flags signal.Flags, out Output) error {
	if start > st.embedded {
		out.Skip(st.read, BetweenChunks, start-st.embedded)
	}
	samples := st.held[start-st.base : end-st.base]
	fresh := end - max(start, st.embedded)
	st.seen.add(newMoments(samples[uint64(len(samples))-fresh:]))
	c := signal.Chunk{
		Read:    st.read,
		Index:   st.index,
		Start:   start,
		Samples: uint32(end - start),
		Fresh:   uint32(fresh),
		Flags:   flags | st.always | st.once | st.marks(samples),
	}
	st.index++
	st.once = 0
	st.embedded = end
	return out.Chunk(c, samples)
}

// marks are the flags that the samples themselves call for.
func (st *stretch) marks(samples []int16) signal.Flags {
	var flags signal.Flags
	if len(Stalls(samples, st.seen.deviation())) > 0 {
		flags |= signal.FlagStall
	}
	if len(OpenPores(samples, st.read.Calibration)) > 0 {
		flags |= signal.FlagOpenPore
	}
	return flags
}

// finish ends the stretch: what no regular chunk held goes into one that ends
// where the signal ends. last says that the read ends too, not only the
// stretch.
func (st *stretch) finish(cfg Config, out Output, last bool) error {
	end, window := st.end(), uint64(cfg.Window)
	waiting := end - min(end, max(st.embedded, st.next))
	length := end - st.begun
	var flags signal.Flags
	if last {
		flags = signal.FlagTail
	}
	switch {
	case end == st.embedded:
		return nil
	case waiting == 0:
		out.Skip(st.read, BetweenChunks, end-st.embedded)
		return nil
	case length >= window:
		return st.cut(end-window, end, flags, out)
	case length >= uint64(cfg.MinSamples):
		return st.cut(st.begun, end, signal.FlagShort, out)
	default:
		out.Skip(st.read, TooShort, length)
		return nil
	}
}

// abandon ends a read whose rest will not come: samples that waited for it are
// counted with the lost ones.
func (st *stretch) abandon(reason Reason, lost uint64, out Output) {
	if lost += st.end() - min(st.end(), st.embedded); lost > 0 {
		out.Skip(st.read, reason, lost)
	}
}
