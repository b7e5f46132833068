package main

import (
	"container/heap"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A server of the model reads one prompt at a time, but for what its cache
// holds, and writes any number of answers at once.
const (
	servers   = 8
	cacheSize = 4096                  // blocks
	reading   = 8 * time.Millisecond  // of a block that is not cached
	writing   = 20 * time.Millisecond // of a token
)

// A cache is the prefix cache of a server.
type cache struct {
	blocks *simplelru.LRU[uint64, struct{}]
}

func newCache() cache {
	blocks, _ := simplelru.NewLRU[uint64, struct{}](cacheSize, nil) // fails for no size alone
	return cache{blocks}
}

// matched returns how many blocks of a text the cache holds, from the first on.
func (c cache) matched(text []uint64) int {
	for i, block := range text {
		if !c.blocks.Contains(block) {
			return i
		}
	}
	return len(text)
}

// keep puts a text into the cache. The last block goes first, so that it is the
// first to be evicted: it is of no use without those before.
func (c cache) keep(text []uint64) {
	for _, block := range slices.Backward(text) {
		c.blocks.Add(block, struct{}{})
	}
}

// A machine is a server of the model.
type machine struct {
	*server
	cache
	free time.Duration // when it has read the prompts that it has
}

// A finish is when a machine has answered a request.
type finish struct {
	at      time.Duration
	order   int
	machine *machine
	text    []uint64
}

// An outcome is what a rule made of the trace.
type outcome struct {
	Rule       string        `json:"rule"`
	Key        string        `json:"key"`
	HitRate    float64       `json:"hit_rate"`    // blocks of prompts that were cached
	Peak       float64       `json:"peak"`        // load of the fullest server over the mean, averaged over requests
	Worst      float64       `json:"worst"`       // greatest load of a server that got a request, over the mean
	FirstToken time.Duration `json:"first_token"` // from a request to its answer's first token, on average
	Slowest    time.Duration `json:"slowest"`     // likewise, of 99 % of the requests
	Requests   int           `json:"requests"`    // that count
}

// simulate plays the trace in virtual time. The rule chooses a machine, and
// only the loads, the caches and its own state tell it how.
func simulate(trace []request, fleet []*machine, choose func(request) int) outcome {
	var o outcome
	var running finishes
	var waits []time.Duration
	var hits, blocks, total int
	for n, q := range trace {
		for len(running) > 0 && running[0].at <= q.at {
			done := heap.Pop(&running).(finish)
			done.machine.load--
			total--
			done.machine.keep(done.text)
		}
		m := fleet[choose(q)]
		m.load++
		total++
		matched := m.matched(q.prompt)
		m.keep(q.prompt)
		m.free = max(m.free, q.at) + time.Duration(len(q.prompt)-matched)*reading
		written := m.free + time.Duration(len(q.answer))*blockTokens*writing
		heap.Push(&running, finish{written, n, m, slices.Concat(q.prompt, q.answer)})
		if n < len(trace)*warmUp/100 {
			continue
		}
		o.Requests++
		hits += matched
		blocks += len(q.prompt)
		waits = append(waits, m.free+writing-q.at)
		mean := float64(total) / float64(len(fleet))
		fullest := slices.MaxFunc(fleet, func(a, b *machine) int { return a.load - b.load }).load
		o.Peak += float64(fullest) / mean
		o.Worst = max(o.Worst, float64(m.load)/mean)
	}
	slices.Sort(waits)
	for _, w := range waits {
		o.FirstToken += w
	}
	o.HitRate = float64(hits) / float64(blocks)
	o.Peak /= float64(o.Requests)
	o.FirstToken /= time.Duration(o.Requests)
	o.Slowest = waits[len(waits)*99/100]
	return o
}

// finishes are a heap, the earliest first.
type finishes []finish

func (f finishes) Len() int      { return len(f) }
func (f finishes) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *finishes) Push(x any)   { *f = append(*f, x.(finish)) }

func (f finishes) Less(i, j int) bool {
	return f[i].at < f[j].at || f[i].at == f[j].at && f[i].order < f[j].order
}

func (f *finishes) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}
