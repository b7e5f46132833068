package main

import (
	"container/heap"
	"time"
)

// An event is what to do at a time. Those of one time happen in the order in
// which they were planned.
type event struct {
	at    time.Duration
	order int
	do    func()
}

// events are what is to come, and the time of what happens now.
type events struct {
	now     time.Duration
	planned int
	queue   queue
}

// at plans what to do at a time that is not over.
func (e *events) at(t time.Duration, do func()) {
	e.planned++
	heap.Push(&e.queue, event{t, e.planned, do})
}

// run lets everything happen, until nothing is to come.
func (e *events) run() {
	for len(e.queue) > 0 {
		next := heap.Pop(&e.queue).(event)
		e.now = next.at
		next.do()
	}
}

// A queue is a heap of events, the earliest first.
type queue []event

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }

func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
