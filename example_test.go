package ecmp_test

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/selector/selectortest"
	"github.com/ecmp-go/ecmp/symmetric"
)

// The examples route this packet and others like it.
func tcpPacket(port uint16, flags hash.TCPFlags) []byte {
	p := []byte("\x45\x00\x00\x28\x00\x00\x40\x00\x40\x06\x00\x00" + // IPv4, TCP
		"\xc0\x00\x02\x01\xac\x10\x00\x14" + // 192.0.2.1 to 172.16.0.20
		"\x00\x00\x00\x50\x00\x00\x00\x00\x00\x00\x00\x00\x50\x00\xff\xff\x00\x00\x00\x00") // to port 80
	p[20], p[21], p[33] = byte(port>>8), byte(port), byte(flags)
	return p
}

func hops(ids ...string) []selector.Hop[string] {
	var list []selector.Hop[string]
	for _, id := range ids {
		list = append(list, selector.Hop[string]{ID: id, Weight: 1, Value: "mac of " + id})
	}
	return list
}

// A worker routes bursts of packets. All workers of a router share the group
// and the table; the rest is the worker's own and is reused for each burst.
type worker struct {
	group   *selector.Group[string]
	reader  *hash.Reader
	sticky  *flowcache.Sticky
	flows   [32]hash.Flow
	packets [32]flowcache.Packet
	routes  [32]flowcache.Route
	views   [1]*selector.View // of the groups in this burst: here there is one
}

// route routes a burst. The group may be changed meanwhile: a burst keeps to
// the snapshot that it loaded.
func (w *worker) route(burst [][]byte, now time.Duration, send func(frame []byte, mac string, r flowcache.Route)) {
	n := len(burst)
	w.reader.ReadIP(w.flows[:n], burst)
	for i := range w.flows[:n] {
		w.packets[i] = flowcache.NewPacket(&w.flows[i], w.group.Salt(), 0)
	}
	snapshot := w.group.Load()
	w.views[0] = snapshot.View()
	w.sticky.RouteBatch(w.routes[:n], w.packets[:n], w.views[:], now)
	for i, r := range w.routes[:n] {
		if r.Member >= 0 {
			send(burst[i], *snapshot.At(r.Member), r)
		}
	}
}

func newWorker(strategy selector.Strategy) (*worker, *flowcache.Table) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[string](domain, selector.GroupConfig{Name: "172.16.0.20", Strategy: strategy})
	check(err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100_000})
	check(err)
	return &worker{group: group, reader: policy().Reader(), sticky: flowcache.NewSticky(table)}, table
}

func policy() hash.Policy {
	return symmetric.Policy(hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{Seed: 42}})
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// packet routes one packet of the client and says where it went.
func (w *worker) packet(port uint16, flags hash.TCPFlags, now time.Duration) {
	w.route([][]byte{tcpPacket(port, flags)}, now, func(_ []byte, mac string, r flowcache.Route) {
		fmt.Println(now, mac, r.Verdict)
	})
}

// The whole of a router: packets in, members out, while members come and go.
// Another goroutine may call Update, SetDown and Sweep at any time.
func Example() {
	w, table := newWorker(selector.Bounded{})
	_, err := w.group.Update(hops("pod1", "pod2", "pod3"))
	check(err)
	w.packet(40000, hash.SYN, 0)
	w.packet(40000, hash.ACK, time.Second)

	_, err = w.group.Update(hops("pod1", "pod2", "pod3", "pod4", "pod5"))
	check(err)
	w.packet(40000, hash.ACK, time.Minute) // it stays, wherever its hash is placed now
	table.Sweep(time.Minute)               // about once a tick

	w.group.Domain().Mark("pod3").SetDown(true)
	w.packet(40000, hash.ACK, 61*time.Second) // elsewhere, until pod3 is up again
	w.group.Domain().Mark("pod3").SetDown(false)
	w.packet(40000, hash.ACK, 62*time.Second)

	_, err = w.group.Update(hops("pod1", "pod2", "pod4", "pod5"))
	check(err)
	w.packet(40000, hash.ACK, 63*time.Second) // its pod is gone: a router resets the connection
	// Output:
	// 0s mac of pod3 placed
	// 1s mac of pod3 pinned
	// 1m0s mac of pod3 pinned
	// 1m1s mac of pod4 detoured
	// 1m2s mac of pod3 pinned
	// 1m3s mac of pod4 moved
}

// A member is drained by weight zero: its connections go on, new ones go
// elsewhere, and Release ends what is left.
func Example_drain() {
	w, table := newWorker(selector.Bounded{})
	members := hops("pod1", "pod2", "pod3")
	_, err := w.group.Update(members)
	check(err)
	w.packet(40000, hash.SYN, 0)
	w.packet(40000, hash.ACK, time.Second)

	members[2].Weight = 0
	drained, err := w.group.Update(members)
	check(err)
	w.packet(40000, hash.ACK, 2*time.Second)
	got := 0
	for port := range uint16(100) {
		syn := [][]byte{tcpPacket(50000+port, hash.SYN)}
		w.route(syn, 3*time.Second, func(_ []byte, mac string, _ flowcache.Route) {
			if mac == members[2].Value {
				got++
			}
		})
	}
	fmt.Println("of 100 new connections pod3 got", got)

	table.Release(drained.View(), 2, flowcache.ReleaseConfig{Deadline: time.Minute}, 4*time.Second)
	w.packet(40000, hash.ACK, 5*time.Second)
	w.packet(40000, hash.ACK, 65*time.Second)
	fmt.Println("left at pod3:", table.Pins(drained.Slot(2)))
	// Output:
	// 0s mac of pod3 placed
	// 1s mac of pod3 pinned
	// 2s mac of pod3 pinned
	// of 100 new connections pod3 got 0
	// 5s mac of pod3 pinned
	// 1m5s mac of pod1 moved
	// left at pod3: 0
}

// A router saves its flow table and reads it after a restart. Flows stay where
// they were, whatever the selector says by then, and may wait for members that
// are learned later.
func Example_restart() {
	hashes := policy().Fingerprint() // saved flows mean nothing under another
	w, table := newWorker(selector.Bounded{})
	_, err := w.group.Update(hops("pod1", "pod2", "pod3"))
	check(err)
	w.packet(40000, hash.SYN, 0)
	w.packet(40000, hash.ACK, time.Second)
	var file bytes.Buffer
	check(table.Save(&file, hashes, 2*time.Second))

	w, table = newWorker(selector.Bounded{}) // its clock begins anew
	restored, err := table.Restore(&file, hashes, 0)
	check(err)
	fmt.Println(restored.Pins, "flow, waits for", restored.Members)
	_, err = w.group.Update(hops("pod4", "pod5"))
	check(err)
	w.packet(40000, hash.ACK, time.Second)
	_, err = w.group.Update(hops("pod1", "pod2", "pod3", "pod4", "pod5"))
	check(err)
	w.packet(40000, hash.ACK, 2*time.Second)
	// Output:
	// 0s mac of pod3 placed
	// 1s mac of pod3 pinned
	// 1 flow, waits for [pod3]
	// 1s mac of pod4 detoured
	// 2s mac of pod3 pinned
}

// Time is an argument, so a simulator runs through hours in no time, and twice
// the same.
func Example_virtualTime() {
	w, table := newWorker(selector.Rendezvous{})
	_, err := w.group.Update(hops("pod1", "pod2", "pod3"))
	check(err)
	w.packet(40000, hash.SYN, 0)
	w.packet(40000, hash.ACK, time.Second)
	for now := time.Duration(0); now < 3*time.Hour; now += time.Second {
		if now%(5*time.Minute) == 0 && now < 2*time.Hour {
			w.route([][]byte{tcpPacket(40000, hash.ACK)}, now, func([]byte, string, flowcache.Route) {})
		}
		table.Sweep(now)
	}
	w.packet(40000, hash.ACK, 3*time.Hour) // silent for an hour
	fmt.Printf("%d pin expired\n", table.Stats().Expired)
	// Output:
	// 0s mac of pod3 placed
	// 1s mac of pod3 pinned
	// 3h0m0s mac of pod3 placed
	// 1 pin expired
}

// fnv1a is a hash of the caller's own: FNV-1a of the 40 bytes of a key. It has
// 32 bits, in the high half, where selectors look first.
type fnv1a struct{}

func (fnv1a) Hash(k hash.FlowKey) uint64 {
	sum := fnv.New32a()
	b, _ := k.AppendBinary(nil)
	sum.Write(b)
	return uint64(sum.Sum32()) << 32
}

// Bits has the policy fill the low half, so that a flow table can tell flows
// apart.
func (fnv1a) Bits() int { return 32 }

// A hash of one's own goes into a policy as the library's do.
func Example_hasher() {
	policy := hash.Policy{Hasher: fnv1a{}}
	flows := make([]hash.Flow, 1)
	policy.Reader().ReadIP(flows, [][]byte{tcpPacket(40000, hash.SYN)})
	var h hash.Headers
	check(hash.ParseIP(tcpPacket(40000, hash.SYN), &h))
	fmt.Println(flows[0].Hash == policy.Hash(h.Outer), flows[0].Hash>>32 == fnv1a{}.Hash(h.Outer)>>32)
	// Output:
	// true true
}

// ranges is a strategy of the caller's own: member i of N owns the i-th of N
// equal ranges of hashes, in order of ID. Weights must be equal.
type ranges struct{}

type rangesSelector []int32 // the members that own ranges

func (ranges) Build(members []selector.Member) (selector.Selector, error) {
	var s rangesSelector
	for i, m := range members {
		if m.Weight == 0 {
			continue
		}
		if len(s) > 0 && m.Weight != members[s[0]].Weight {
			return nil, &selector.GroupError{Err: selector.ErrUnequal, Index: i, Member: m.ID, Value: uint64(m.Weight)}
		}
		s = append(s, int32(i))
	}
	slices.SortFunc(s, func(a, b int32) int { return cmp.Compare(members[a].ID, members[b].ID) })
	return s, nil
}

func (s rangesSelector) Select(h uint64) int32 {
	i, _ := bits.Mul64(h, uint64(len(s)))
	return s[i]
}

// A strategy of one's own is two methods, and selectortest says what it gets
// wrong.
func Example_strategy() {
	fmt.Println(selectortest.Check(ranges{}, selectortest.Options{EqualOnly: true, Disruption: math.Inf(1)}))
	w, _ := newWorker(ranges{})
	_, err := w.group.Update(hops("pod1", "pod2", "pod3"))
	check(err)
	w.packet(40000, hash.SYN, 0)
	// Output:
	// <nil>
	// 0s mac of pod2 placed
}
