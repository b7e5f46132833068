// Package program is what benchmarks/against links with the engines of two
// commits: the rows that it measures, the peers, and the check that both
// engines decide alike. It knows the engines by the interfaces here, which
// adapters implement: the APIs of two commits may differ.
package program

import (
	"net/netip"
	"time"
)

// Burst is the number of frames or keys that sides take at a time.
const Burst = 64

// A Commit is the library as it was at one commit.
type Commit interface {
	NewEngine(s Setup) Engine
	NewTable(flows int) Table
	NewReader(xx bool) Reader // by XX, or else by Mix
}

// A Setup is what an engine is made for. It hashes the five-tuple by Mix.
type Setup struct {
	Services []Service
	Flows    int
	// Of the features that an engine may have: the ports of fragments, and
	// resets for sessions whose member is gone.
	Fragments, Resets bool
	// Router, if it is not nil, makes the engine's router of its flow table.
	// Both are of a type of the engine's commit; nil is the router as usual.
	Router func(table any) any
}

// A Service is a group and the destinations that lead to it.
type Service struct {
	Name         string
	Destinations []netip.Addr
	Hops         []Hop
}

// A Hop is a member of a service.
type Hop struct {
	ID       string
	Weight   uint32
	Src, Dst [6]byte
	Output   uint16
}

// An Engine forwards frames. It belongs to one goroutine.
type Engine interface {
	Update(service int, hops []Hop)
	SetDown(id string, down bool)
	// Forward takes frames to their members in bursts, while the clock stands
	// still. It returns how many met a pin.
	Forward(frames [][]byte) (pinned int)
	// Decide takes one burst and says what became of each frame.
	Decide(dst []Decision, frames [][]byte, now time.Duration)
	Counters() Counters
}

// A Decision is what an engine made of a frame, in words, which commits share.
type Decision struct {
	Member  string
	Verdict string
	Drop    string
	Reply   string // the bytes of a frame
}

// Counters are an engine's.
type Counters struct {
	In      [2]uint64 // frames and bytes
	Members map[uint16][2]uint64
	Dropped map[string]uint64
}

// A Table is a flow table that knows the flows 0 to n-1, with one group of ten
// members.
type Table interface {
	// Hash makes the digests of flows from, from+1, and so on, from their keys.
	Hash(dst []uint64, from int)
	// HashEach makes them one by one, as who looks up one key at a time does.
	HashEach(dst []uint64, from int)
	// Route routes an ACK of each of n flows in bursts, the hash included, and
	// returns how many met a pin.
	Route(from, n int) (pinned int)
	// RouteEach does so one by one.
	RouteEach(from, n int) (pinned int)
}

// A Reader finds the flows of plain frames and their hashes.
type Reader interface {
	Read(frames [][]byte) (sum uint64)
	// Parse finds the headers of frames of any kind.
	Parse(frames [][]byte) (sum uint64)
}
