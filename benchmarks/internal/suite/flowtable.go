package suite

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
)

// window is how many packets one pass sends; the next pass goes on behind it.
const window = 1 << 18

// FlowTable is packets of established and of new flows, beside the caches of
// other libraries.
func FlowTable() Suite {
	return Suite{
		Name: "FlowTable",
		Cases: func(size Size) (cases []Case) {
			for _, n := range size.Flows {
				cases = append(cases, hitCases(n, size)...)
				if n <= size.PeerFlows && slices.Contains(size.Forms, n) {
					cases = append(cases, knownCases(n)...)
				}
				if n <= size.PeerFlows {
					cases = append(cases, sweepCases(n)...)
					cases = append(cases, insertCases(n)...)
				}
				if n <= slices.Max(size.Forms) {
					cases = append(cases, gcCases(n)...)
				}
			}
			cases = append(cases, churnCases(size.Churn)...)
			return append(cases, upkeepCases(size.Churn)...)
		},
	}
}

func peers() []flows.Peer[hash.FlowKey] {
	hasher := flows.Hasher()
	return flows.Peers(func(k hash.FlowKey) uint32 { return uint32(hasher.Hash(k) >> 32) }, true)
}

func digestPeers() []flows.Peer[uint64] {
	return flows.Peers(foldDigest, true)
}

func foldDigest(d uint64) uint32 { return uint32(bits.RotateLeft64(d, 32)) }

// fastest returns the fastest peer of each kind.
func fastest[K comparable](all []flows.Peer[K]) []flows.Peer[K] {
	return slices.DeleteFunc(all, func(p flows.Peer[K]) bool { return p.Name != "xsync" && p.Name != "phuslu" })
}

// hitCases are packets of n established flows.
func hitCases(n int, size Size) (cases []Case) {
	forms, beside := slices.Contains(size.Forms, n), peers()
	if n > size.PeerFlows {
		beside = fastest(beside)
	}
	keys := sync.OnceValue(func() []hash.FlowKey { return flows.Keys(0, n) })
	digests := sync.OnceValue(func() []uint64 { return subject.Hashes(3, n) })
	add := func(what string, w func() (*Work, error)) {
		cases = append(cases, Case{fmt.Sprintf("op=hit/flows=%d/impl=%s", n, what), w})
	}
	if forms || n <= size.PeerFlows {
		add("ecmp/form=one", func() (*Work, error) { return hitKeys(keys(), (*flows.Table).One) })
		add("ecmp/form=batch32", func() (*Work, error) {
			return hitKeys(keys(), func(t *flows.Table, k []hash.FlowKey) int { return t.Keys(k, hash.ACK) })
		})
	}
	add("ecmp/form=digests", func() (*Work, error) { return hitDigests(digests()) })
	if forms || n <= size.PeerFlows {
		for _, p := range beside {
			add(p.Name+"/form=one", func() (*Work, error) { return hitPeer(p, keys()) })
		}
	}
	if n <= slices.Max(size.Forms) {
		add("chase/form=plain", func() (*Work, error) { return chase(n, false) })
		add("chase/form=huge", func() (*Work, error) { return chase(n, true) })
	}
	if !forms {
		return cases
	}
	for _, p := range fastest(digestPeers()) {
		add(p.Name+"/form=digests", func() (*Work, error) { return hitPeer(p, digests()) })
	}
	add("ecmp/form=sway", func() (*Work, error) {
		return established(n, func(t *flows.Table, digests []uint64) *Work {
			t.Sway = time.Second
			return windows(digests, func(d []uint64) { t.Digests(d) })
		})
	})
	add("ecmp/form=refresh", func() (*Work, error) {
		return established(n, func(t *flows.Table, digests []uint64) *Work {
			w := windows(digests, func(d []uint64) { t.Digests(d) })
			w.Reset = func() { t.Now += 8 * time.Second }
			return w
		})
	})
	if n == slices.Max(size.Forms) {
		add("ecmp/form=cores2", func() (*Work, error) { return established(n, twoCores) })
	}
	return cases
}

// windows returns a pass over the next window of a list, again from the start
// after the last.
func windows[K any](all []K, send func([]K)) *Work {
	size, at := min(window, len(all)), 0
	return &Work{Items: size, Pass: func() {
		if at+size > len(all) {
			at = 0
		}
		send(all[at : at+size])
		at += size
	}}
}

func hitKeys(keys []hash.FlowKey, send func(*flows.Table, []hash.FlowKey) int) (*Work, error) {
	t, err := flows.NewTable(len(keys))
	if err != nil {
		return nil, err
	}
	t.Keys(keys, hash.SYN)
	found := t.Keys(keys, hash.ACK)
	w := windows(keys, func(k []hash.FlowKey) { send(t, k) })
	w.Figures = results.Exact(numbers{"hit-share": share(found, len(keys))})
	return w, nil
}

func hitDigests(digests []uint64) (*Work, error) {
	n := len(digests)
	before := live()
	t, err := flows.NewTable(n)
	if err != nil {
		return nil, err
	}
	held := live() - before
	t.Send(digests, hash.SYN)
	found := t.Send(digests, hash.ACK)
	w := windows(digests, func(d []uint64) { t.Digests(d) })
	w.Figures = results.Exact(numbers{"hit-share": share(found, n), "flow-bytes": float64(held) / float64(n)})
	return w, nil
}

// established returns the work on a table that is made for n flows, with all of
// them established.
func established(n int, work func(*flows.Table, []uint64) *Work) (*Work, error) {
	digests := subject.Hashes(3, n)
	t, err := flows.NewTable(n)
	if err != nil {
		return nil, err
	}
	t.Send(digests, hash.SYN)
	t.Digests(digests)
	if found := t.Digests(digests); found < n*999/1000 {
		return nil, fmt.Errorf("only %d of %d flows are pinned: %+v", found, n, t.Stats())
	}
	return work(t, digests), nil
}

func twoCores(t *flows.Table, digests []uint64) *Work {
	var lists [2]*Work
	for i := range lists {
		worker, half := t.Worker(), digests[i*len(digests)/2:(i+1)*len(digests)/2]
		lists[i] = windows(half, func(d []uint64) { worker.Digests(d) })
	}
	return &Work{Items: lists[0].Items + lists[1].Items, Pass: func() {
		var wg sync.WaitGroup
		for _, l := range lists {
			wg.Go(l.Pass)
		}
		wg.Wait()
	}}
}

func hitPeer[K comparable](p flows.Peer[K], keys []K) (*Work, error) {
	capacity, err := capacity(len(keys))
	if err != nil {
		return nil, err
	}
	before := live()
	c := p.New(capacity)
	c.Set(keys)
	held := live() - before
	w := windows(keys, func(k []K) { c.Get(k) })
	w.Close = c.Close
	w.Figures = results.Exact(numbers{"flow-bytes": float64(held) / float64(len(keys))})
	return w, nil
}

// chase follows pointers through as much memory as a table for n flows takes.
func chase(n int, huge bool) (*Work, error) {
	t, err := flows.NewTable(n)
	if err != nil {
		return nil, err
	}
	c := flows.NewChase(t.Buckets(), huge)
	return &Work{Items: window, Pass: func() { c.Follow(window) }}, nil
}

func share(found, of int) float64 { return float64(found) / float64(of) }

// capacity is what a table for n flows has room for at most; the others get as
// much, lest they forget before they are full.
func capacity(n int) (int, error) {
	t, err := flows.NewTable(n)
	if err != nil {
		return 0, err
	}
	return t.Cap(), nil
}

func sweepCases(n int) (cases []Case) {
	for _, fill := range []string{"empty", "full"} {
		cases = append(cases, Case{fmt.Sprintf("op=sweep/flows=%d/fill=%s/impl=ecmp", n, fill), func() (*Work, error) {
			t, err := flows.NewTable(n)
			if err != nil {
				return nil, err
			}
			if fill == "full" {
				t.Keys(flows.Keys(0, n), hash.SYN)
				t.Keys(flows.Keys(0, n), hash.ACK)
			}
			return &Work{Items: t.Buckets(), Pass: t.Pass}, nil
		}})
	}
	return cases
}

// gcCases are cycles of the garbage collector.
func gcCases(n int) (cases []Case) {
	for _, with := range []string{"with", "without"} {
		name := fmt.Sprintf("op=gc/flows=%d/table=%s/impl=ecmp", n, with)
		cases = append(cases, Case{name, func() (*Work, error) {
			if with == "without" {
				return &Work{Items: 1, Pass: runtime.GC}, nil
			}
			return established(n, func(t *flows.Table, _ []uint64) *Work {
				return &Work{Items: 1, Pass: runtime.GC, Close: func() { runtime.KeepAlive(t) }}
			})
		}})
	}
	return cases
}

// insertCases are the first packets of n flows, into an empty table. With
// key=digest the others are keyed by a digest too, which they make in the time
// as ours does.
func insertCases(n int) (cases []Case) {
	name := fmt.Sprintf("op=insert/flows=%d/", n)
	ours := func() (*Work, error) {
		keys := flows.Keys(0, n)
		t, err := flows.NewTable(n)
		return &Work{
			Items: n,
			Reset: func() {
				if t, err = flows.NewTable(n); err != nil {
					panic(err) // it did not fail before
				}
			},
			Pass: func() { t.Keys(keys, hash.SYN) },
		}, err
	}
	theirs := func(p flows.Peer[hash.FlowKey]) func() (*Work, error) {
		return func() (*Work, error) {
			keys := flows.Keys(0, n)
			capacity, err := capacity(n)
			c := p.New(1)
			return &Work{
				Items: n,
				Reset: func() { c.Close(); c = p.New(capacity) },
				Pass:  func() { c.Set(keys) },
				Close: func() { c.Close() },
			}, err
		}
	}
	cases = append(cases, Case{name + "impl=ecmp/form=batch32", ours})
	for _, p := range peers() {
		cases = append(cases, Case{name + "impl=" + p.Name + "/form=one", theirs(p)})
	}
	cases = append(cases, Case{name + "key=digest/impl=ecmp/form=batch32", ours})
	digest := append(fastest(flows.Peers(foldDigest, false)), flows.GoMap[uint64](), flows.Open()[0])
	for _, p := range digest {
		cases = append(cases, Case{name + "key=digest/impl=" + p.Name + "/form=one", theirs(flows.Digested(p))})
	}
	return cases
}
