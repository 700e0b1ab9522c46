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
	seen   moments      // of the samples up to the last chunk's end
	given  uint32       // chunks so far
	always signal.Flags // on every chunk of the read
	once   signal.Flags // on the next chunk only
	marked []mark       // what blocks said of their samples

	begun    uint64  // where this stretch starts, after the leader
	base     uint64  // position of held[0] in the read
	held     []int16 // what later chunks may still need
	index    uint32  // of the next regular chunk
	next     uint64  // where that starts
	limited  bool    // a place of the grid was left out since the last chunk
	embedded uint64  // end of the last chunk
}

// mark is flags of the samples [from, to) of a read.
type mark struct {
	from, to uint64
	flags    signal.Flags
}

// restart begins a new stretch at offset: the read's start, the leader's end or
// behind a gap. Its first regular chunk is the first of the read's grid that
// begins no earlier.
func (st *stretch) restart(cfg Config, offset uint64) {
	st.held = st.held[:0]
	st.begun, st.base, st.embedded = offset, offset, offset
	st.index, st.next = 0, cfg.leader()
	if hop := uint64(cfg.Hop); offset > st.next {
		steps := (offset - st.next + hop - 1) / hop
		st.index, st.next = uint32(steps), st.next+steps*hop
	}
}

func (st *stretch) end() uint64 { return st.base + uint64(len(st.held)) }

// add takes samples in and cuts every chunk that they complete.
func (st *stretch) add(cfg Config, limit Limit, samples []int16, flags signal.Flags, out Output) error {
	if at := st.end(); at < cfg.leader() {
		dropped := min(cfg.leader()-at, uint64(len(samples)))
		if dropped > 0 {
			out.Skip(st.read, Leader, dropped)
		}
		st.restart(cfg, at+dropped)
		samples = samples[dropped:]
	}
	if reason := st.beyond(cfg, limit); reason != "" {
		st.drop(uint64(len(samples)), reason, out)
		return nil
	}
	if st.next < st.base { // a limit was lifted
		st.restart(cfg, st.base)
		st.limited = true
	}
	if flags != 0 && len(samples) > 0 {
		st.marked = append(st.marked, mark{st.end(), st.end() + uint64(len(samples)), flags})
	}
	// Window by window, so that a read never holds more than two: thousands of reads are
	// open at a time.
	for len(samples) > 0 {
		n := min(len(samples), cfg.Window)
		if err := st.hold(cfg, limit, samples[:n], out); err != nil {
			if rest := len(samples) - n; rest > 0 {
				out.Skip(st.read, Interrupted, uint64(rest))
			}
			return err
		}
		samples = samples[n:]
		if reason := st.beyond(cfg, limit); reason != "" {
			st.drop(uint64(len(samples)), reason, out)
			return nil
		}
	}
	return nil
}

// hold takes at most a window of samples and cuts the chunks that they complete.
func (st *stretch) hold(cfg Config, limit Limit, samples []int16, out Output) error {
	window := uint64(cfg.Window)
	if st.held == nil {
		st.held = make([]int16, 0, 2*cfg.Window)
	}
	st.held = append(st.held, samples...)
	for st.end() >= st.next+window && st.beyond(cfg, limit) == "" {
		if limit.NoOverlap && int(st.index)%cfg.apart() != 0 {
			st.limited = true
		} else if err := st.cut(st.next, st.next+window, 0, out); err != nil {
			return err
		}
		st.index++
		st.next += uint64(cfg.Hop)
	}
	st.forget(window)
	return nil
}

// beyond is why no more chunks of the read are wanted; "": they are.
func (st *stretch) beyond(cfg Config, limit Limit) Reason {
	switch {
	case cfg.MaxChunks > 0 && st.index >= uint32(cfg.MaxChunks):
		return BeyondLimit
	case limit.Chunks > 0 && st.index >= uint32(limit.Chunks):
		return Limited
	}
	return ""
}

// drop books what is held and n samples more, and holds nothing.
func (st *stretch) drop(n uint64, reason Reason, out Output) {
	end := st.end() + n
	if end > st.embedded {
		out.Skip(st.read, reason, end-st.embedded)
	}
	st.held, st.marked = st.held[:0], st.marked[:0]
	st.begun, st.base, st.embedded = end, end, end
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
	for len(st.marked) > 0 && st.marked[0].to <= keep {
		st.marked = st.marked[1:]
	}
}

// cut hands out the chunk [start, end) and accounts for what came before it.
func (st *stretch) cut(start, end uint64, flags signal.Flags, out Output) error {
	if start > st.embedded {
		out.Skip(st.read, st.between(), start-st.embedded)
	}
	for _, m := range st.marked {
		if m.from < end && m.to > start {
			flags |= m.flags
		}
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
	st.given++
	st.once, st.limited = 0, false
	st.embedded = end
	return out.Chunk(c, samples)
}

// between is why samples in front of a chunk are in none.
func (st *stretch) between() Reason {
	if st.limited {
		return Limited
	}
	if st.embedded == st.begun {
		return AfterGap
	}
	return BetweenChunks
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
// where the signal ends, in place of the next regular one. flags say how it ended.
func (st *stretch) finish(cfg Config, flags signal.Flags, out Output) error {
	end, window := st.end(), uint64(cfg.Window)
	waiting := end - min(end, max(st.embedded, st.next))
	length := end - st.begun
	switch {
	case end == st.embedded:
		return nil
	case waiting == 0:
		out.Skip(st.read, st.between(), end-st.embedded)
		return nil
	case length >= window:
		return st.cut(end-window, end, flags, out)
	case length >= uint64(cfg.MinSamples):
		return st.cut(st.begun, end, flags&^signal.FlagTail|signal.FlagShort, out)
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
