package program

import (
	"math/rand/v2"
	"slices"
)

// A row compares two sides, over different numbers of flows.
type row struct {
	name  string
	bars  map[int]float64 // flows to the ratio that is promised; 0 is no promise
	sides sides
}

// sides returns ours and theirs for so many flows, and what goes before each
// turn.
type sides func(now, was Commit, flows int) (ours, theirs side, before func(from, n int))

// rows are all that is measured.
func rows() []row {
	tens := func(bars ...float64) map[int]float64 {
		m, flows := map[int]float64{}, 10_000
		for _, b := range bars {
			m[flows] = b
			flows *= 10
		}
		return m
	}
	return []row{
		{"burst", tens(.60, .60, .70, .75), engines(shape{})},
		{"burst, IPv6", tens(.60), engines(shape{six: 1})},
		{"burst, half IPv6", tens(.60), engines(shape{six: .5})},
		{"burst, VLAN", tens(.60), engines(shape{vlan: true})},
		{"burst, 1,000 destinations", tens(.75, .75, .75), engines(shape{destinations: 1000})},
		{"burst : equal work", tens(1, .65, .40, .40), engineOverPeer},
		{"burst, scattered slots : fresh ones", tens(1.1), scattered},
		{"table : xsync, digest keys", tens(1.10, .55, .30, .32), tableOver(func(t Table, flows int) side {
			return side{"xsync", newXsyncTable(t, flows).route}
		})},
		{"table : xsync, digests in batches", tens(0, 0, 0, 0), tableOver(func(t Table, flows int) side {
			x := newXsyncTable(t, flows)
			x.hash = t.Hash
			return side{"xsync", x.route}
		})},
		{"table : flat table", tens(2.6, 1.25, 1, 1), tableOver(func(t Table, flows int) side {
			return side{"flat table", newFlatTable(t, flows).route}
		})},
		{"table", tens(0, 0, 0, 0), tables(Table.Route)},
		{"table, one by one", tens(0, 0, 0, 0), tables(Table.RouteEach)},
		{"read : parse and hash", tens(.50), readers(shape{}, false)},
		{"read : parse and hash, IPv6", tens(0), readers(shape{six: 1}, false)},
		{"read : parse and hash, VLAN", tens(0), readers(shape{vlan: true}, false)},
		{"read : parse and hash, by XX", tens(0), readers(shape{}, true)},
		{"read : parse and hash, IPv6 by XX", tens(0), readers(shape{six: 1}, true)},
		{"read, IPv6 by XX : by hand, XXH64", tens(1), readerOverHand(true, Reader.Read)},
		{"read, IPv6 by Mix : by hand, no hash", tens(0), readerOverHand(false, Reader.Read)},
		{"parse, IPv6 : by hand, no hash", tens(0), readerOverHand(false, Reader.Parse)},
		{"parse", tens(0), parsers(shape{})},
		{"parse, IPv6", tens(0), parsers(shape{six: 1})},
		{"parse, VXLAN", tens(0), parsers(shape{vxlan: true})},
	}
}

// engines compares both engines over frames of a shape.
func engines(s shape) sides {
	return func(now, was Commit, flows int) (ours, theirs side, before func(from, n int)) {
		frames := s.frames(flows)
		list := services(max(1, s.destinations))
		ours = engineSide("now", now.NewEngine(setup(list, flows)), frames)
		theirs = engineSide("was", was.NewEngine(setup(list, flows)), frames)
		return ours, theirs, restoring(frames)
	}
}

func setup(list []Service, flows int) Setup {
	return Setup{Services: list, Flows: flows, Fragments: true, Resets: true}
}

// engineSide is the side of an engine that knows the flows of all frames.
func engineSide(name string, e Engine, frames [][]byte) side {
	fill(e.Forward, frames)
	return side{name, func(from, n int) int { return e.Forward(frames[from : from+n]) }}
}

// fill makes all flows known, twice as the second packet promotes a flow, in
// another order than they come in later.
func fill(forward func([][]byte) int, frames [][]byte) {
	shuffled := slices.Clone(frames)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	for range 2 {
		forward(shuffled)
	}
}

// restoring gives frames their time to live back, where they are so few that it
// would not last. Many are best left out of the cache.
func restoring(frames [][]byte) func(from, n int) {
	return func(from, n int) {
		if len(frames) < block {
			restore(frames[from : from+n])
		}
	}
}

func engineOverPeer(now, _ Commit, flows int) (ours, theirs side, before func(from, n int)) {
	frames := shape{}.frames(flows)
	p := newPeer(flows)
	fill(p.Forward, frames)
	ours = engineSide("engine", now.NewEngine(setup(services(1), flows)), frames)
	return ours, side{"peer", func(from, n int) int { return p.Forward(frames[from : from+n]) }}, restoring(frames)
}

// replacements is how many members are replaced one by one, so that the slots
// of those that are left lie far apart.
const replacements = 10_000

// scattered compares an engine with itself: one whose members came and went
// before, all but one, and one with fresh ones.
func scattered(now, _ Commit, flows int) (ours, theirs side, before func(from, n int)) {
	frames := shape{}.frames(flows)
	list := services(1)
	before = restoring(frames)
	theirs = engineSide("fresh", now.NewEngine(setup(list, flows)), frames)
	e := now.NewEngine(setup(list, flows))
	hops := slices.Clone(list[0].Hops)
	for i := range replacements {
		at := 1 + i%(len(hops)-1) // the first one stays
		hops[at] = hop(len(hops)+i, at)
		e.Update(0, hops)
	}
	restore(frames)
	return engineSide("scattered", e, frames), theirs, before
}

func tableOver(peer func(Table, int) side) sides {
	return func(now, _ Commit, flows int) (ours, theirs side, before func(from, n int)) {
		t := now.NewTable(flows)
		return side{"table", t.Route}, peer(t, flows), func(int, int) {}
	}
}

func tables(route func(t Table, from, n int) int) sides {
	return func(now, was Commit, flows int) (ours, theirs side, before func(from, n int)) {
		n, w := now.NewTable(flows), was.NewTable(flows)
		ours = side{"now", func(from, count int) int { return route(n, from, count) }}
		theirs = side{"was", func(from, count int) int { return route(w, from, count) }}
		return ours, theirs, func(int, int) {}
	}
}

func readers(s shape, xx bool) sides {
	return func(now, was Commit, flows int) (ours, theirs side, before func(from, n int)) {
		frames := s.frames(flows)
		return readerSide("now", now.NewReader(xx).Read, frames),
			readerSide("was", was.NewReader(xx).Read, frames), func(int, int) {}
	}
}

func parsers(s shape) sides {
	return func(now, was Commit, flows int) (ours, theirs side, before func(from, n int)) {
		frames := s.frames(flows)
		return readerSide("now", now.NewReader(false).Parse, frames),
			readerSide("was", was.NewReader(false).Parse, frames), func(int, int) {}
	}
}

// readerOverHand compares what a reader does with the least that finds a flow,
// or that finds and hashes it.
func readerOverHand(xx bool, read func(Reader, [][]byte) uint64) sides {
	return func(now, _ Commit, flows int) (ours, theirs side, before func(from, n int)) {
		frames, r := shape{six: 1}.frames(flows), now.NewReader(xx)
		hand := &handParser{hashes: xx}
		return readerSide("now", func(frames [][]byte) uint64 { return read(r, frames) }, frames),
			readerSide("by hand", hand.parse, frames), func(int, int) {}
	}
}

func readerSide(name string, read func(frames [][]byte) uint64, frames [][]byte) side {
	sum := uint64(0)
	return side{name, func(from, n int) int {
		sum += read(frames[from : from+n])
		return n
	}}
}
