package watch

import "time"

// gatherFor is how long notifications are gathered: a file that is being written
// gives many, and one look answers all of them.
const gatherFor = 50 * time.Millisecond

// Time between two looks at everything, unless the options say otherwise.
const (
	pollNoticed = 10 * time.Second // a safety net below the notifications
	pollBlind   = 2 * time.Second
)

// run does everything that changes the watcher's state.
func (w *Watcher) run() {
	defer close(w.done)
	var wake <-chan struct{}
	if w.notices != nil {
		wake = w.notices.wake
		defer func() { w.closeErr = w.notices.close() }()
	}
	always := make(chan struct{})
	close(always)

	var gathered <-chan time.Time
	poll := time.NewTimer(w.lookAtAll())
	defer poll.Stop()
	for {
		w.count()
		var out chan File
		var first File
		if len(w.queue) > 0 {
			out, first = w.out, w.queue[0]
		}
		// Files are asked about one by one, so that the first ones of many are
		// handed out meanwhile.
		var ask <-chan struct{}
		if len(w.due) > 0 {
			ask = always
		}
		select {
		case <-w.stop:
			return
		case out <- first:
			w.queue = w.queue[1:]
		case f := <-w.again:
			w.met.forget(f)
			delete(w.refused, f.Name)
		case <-ask:
			c := w.due[0]
			w.due = w.due[1:]
			w.ask(c)
		case <-wake:
			if gathered == nil {
				gathered = time.After(gatherFor)
			}
		case <-gathered:
			gathered = nil
			if paths, all := w.notices.take(); all {
				w.lookAtAll()
			} else {
				w.lookAt(paths)
			}
		case <-poll.C:
			poll.Reset(w.lookAtAll())
		}
	}
}

// count makes the present counts known.
func (w *Watcher) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats = Stats{Waiting: len(w.waiting), Queued: len(w.queue), Refused: len(w.refused)}
	w.atRest = !w.gone && len(w.queue) == 0 && len(w.due) == 0 && !w.settling()
}

// pause is the time until everything is looked at again, when it just took so long.
func (w *Watcher) pause(took time.Duration) time.Duration {
	pause := w.opts.Poll
	switch {
	case pause > 0:
	case w.blind:
		pause = pollBlind
	default:
		pause = pollNoticed
	}
	return max(pause, 4*took) // looking is no more than a fifth of the time
}

// news says whether a complaint is to be made: it is not when it was made in this
// round already, or in the one before.
func (w *Watcher) news(complaint string) bool {
	known := w.told[complaint] || w.toldBefore[complaint]
	w.told[complaint] = true
	return !known
}
