package pipeline

import "container/heap"

// ranking keeps the channels of which something waits, the first by its order in
// front. It is a heap.Interface.
type ranking struct {
	queues []*queue
	place  int // which of a queue's places is ours
	before func(p, q *queue) bool
}

// rank puts a queue where it belongs after a change, or takes it out when it is empty.
func (r *ranking) rank(q *queue) {
	switch at := q.places[r.place] - 1; {
	case at < 0:
		heap.Push(r, q)
	case len(q.chunks) == 0:
		heap.Remove(r, at)
	default:
		heap.Fix(r, at)
	}
}

func (r *ranking) Len() int { return len(r.queues) }

func (r *ranking) Less(i, j int) bool { return r.before(r.queues[i], r.queues[j]) }

func (r *ranking) Swap(i, j int) {
	r.queues[i], r.queues[j] = r.queues[j], r.queues[i]
	r.queues[i].places[r.place], r.queues[j].places[r.place] = i+1, j+1
}

func (r *ranking) Push(x any) {
	q := x.(*queue)
	r.queues = append(r.queues, q)
	q.places[r.place] = len(r.queues)
}

func (r *ranking) Pop() any {
	last := len(r.queues) - 1
	q := r.queues[last]
	r.queues = r.queues[:last]
	q.places[r.place] = 0
	return q
}
