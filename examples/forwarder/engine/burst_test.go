package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// A plane is what workers share in these tests: the service's two addresses
// lead to one group.
type plane struct {
	Config
	group *Group
}

func newPlane(t testing.TB, sticky bool, hasher hash.Hasher) plane {
	t.Helper()
	domain := selector.NewDomain()
	g := newGroup(t, domain, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}}, "pod1", "pod2", "pod3")
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), g)
	routes.Insert(prefix("2001:db8:ac10::14/128"), g)
	p := plane{Config{Routes: routes, Policy: hash.Policy{Hasher: hasher}}, g}
	if sticky {
		var err error
		p.Flows, err = flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 4096})
		require.NoError(t, err)
	}
	return p
}

func planes(t testing.TB) map[string]plane {
	t.Helper()
	return map[string]plane{
		"stateless": newPlane(t, false, nil),
		"sticky":    newPlane(t, true, nil),
		"symmetric": newPlane(t, true, symmetric.Hasher{Base: hash.Sip{}}),
		"ports":     withPorts(t, newPlane(t, true, nil)),
		"clients":   withClients(newPlane(t, true, nil)),
	}
}

// withPorts has the service's addresses be served by protocol and port.
func withPorts(t testing.TB, p plane) plane {
	t.Helper()
	var list []Listener
	for _, addr := range []string{"172.16.0.20", "2001:db8:ac10::14"} {
		for _, proto := range []uint8{hash.TCP, hash.UDP} {
			list = append(list, Listener{netip.MustParseAddr(addr), proto, 1, 1<<16 - 1, p.group},
				Listener{Addr: netip.MustParseAddr(addr), Proto: proto, Group: p.group})
		}
	}
	var err error
	p.Listeners, err = NewListeners(list)
	require.NoError(t, err)
	return p
}

// withClients has a flow be all that a client sends.
func withClients(p plane) plane {
	p.Keyings = map[*Group]*Keying{p.group: {Policy: hash.Policy{Hasher: hash.XX{}, Extractor: hash.SrcAddr},
		Aggregate: true, Class: flowcache.FirstClass}}
	return p
}

// lifetime returns the TTL or hop limit of an IP header.
func lifetime(header []byte) uint8 {
	if header[0]>>4 == 6 {
		return header[7]
	}
	return header[8]
}

// lasting gives frames a time to live that lasts for many rewrites.
func lasting(frames [][]byte) [][]byte {
	for _, f := range frames {
		switch {
		case f[12] == 0x08 && f[13] == 0:
			f[14+8] = 255
		case f[12] == 0x86:
			f[14+7] = 255
		}
	}
	return frames
}

// A burst allocates nothing, whatever is in it: frames for known and new flows,
// for no route, ARP, and damaged ones.
func TestBurstAllocatesNothing(t *testing.T) {
	racecheck.OneGoroutine(t)
	frames, _ := captured(t)
	frames = append(lasting(frames[:4000]), frames[0][:30], []byte{1, 2, 3})
	for name, p := range planes(t) {
		w := NewWorker(p.Config)
		got := make([]Decision, len(frames))
		w.Burst(got, frames, 0)
		now := time.Duration(0)
		assert.Zero(t, testing.AllocsPerRun(50, func() {
			now += 7e9 // some pins expire, and are made again
			w.Burst(got, frames, now)
		}), name)
		assert.Positive(t, w.Counters().Dropped(Damaged))
		assert.Positive(t, w.Counters().Dropped(NotIP))
		assert.Positive(t, w.Counters().Dropped(NoRoute))
	}
}

// Several workers forward, each its share of the flows, while the group
// changes. No frame is lost or counted twice, none goes to a member that never
// was, and the flows of the member that stays, drained at times, stay with it.
func TestWorkersWhileTheGroupChanges(t *testing.T) {
	p := newPlane(t, true, nil)
	frames, _ := captured(t)
	frames = frames[:6000]
	const workers, rounds = 4, 20
	_, err := p.group.Update(hops("stays"))
	require.NoError(t, err)

	stop := make(chan struct{})
	var changes, forwarding sync.WaitGroup
	var clock atomic.Int64
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			ids := []string{"stays"}
			for j := range i % 5 {
				ids = append(ids, fmt.Sprintf("pod%d", j))
			}
			list := hops(ids...)
			list[0].Weight = uint32(i % 3) // drained at times
			_, err := p.group.Update(list)
			assert.NoError(t, err)
		}
	})
	for n := range workers {
		forwarding.Go(func() {
			mine, seen := share(frames, n, workers)
			w := NewWorker(p.Config)
			stays := make(map[hash.FlowKey]bool)
			got := make([]Decision, len(mine))
			for range rounds {
				// of all workers; no pin gets so old that it expires
				now := time.Duration(clock.Add(20e6))
				w.Burst(got, mine, now)
				for i, d := range got {
					if d.Hop == nil {
						continue
					}
					assert.True(t, slices.Contains([]string{"stays", "pod0", "pod1", "pod2", "pod3"}, d.Hop.ID))
					if d.Verdict == flowcache.Placed { // new, or again: a SYN after the FIN
						stays[seen[i]] = d.Hop.ID == "stays"
					}
					// again, on a member that has left by now
					if d.Verdict == flowcache.Unpinned && opens(mine[i]) {
						stays[seen[i]] = false
					}
					if stays[seen[i]] {
						assert.Equal(t, "stays", d.Hop.ID)
						assert.Contains(t, []flowcache.Verdict{flowcache.Placed, flowcache.Pinned}, d.Verdict)
					}
				}
				p.Flows.Sweep(now)
			}
			assertConserved(t, w.Counters(), len(mine)*rounds)
		})
	}
	forwarding.Wait()
	close(stop)
	changes.Wait()
}

// opens reports whether a frame opens a TCP connection.
func opens(frame []byte) bool {
	var h hash.Headers
	return hash.Parse(frame, &h) == nil && h.TCPFlags&(hash.SYN|hash.FIN|hash.RST) == hash.SYN
}

// share returns copies of the frames of every n-th flow, with their keys.
func share(frames [][]byte, n, of int) (mine [][]byte, keys []hash.FlowKey) {
	for _, f := range frames {
		var h hash.Headers
		if hash.Parse(f, &h) != nil || int(hash.XX{}.Hash(h.Outer)%uint64(of)) != n {
			continue
		}
		mine, keys = append(mine, slices.Clone(f)), append(keys, hash.FiveTuple.Extract(&h, nil))
	}
	return lasting(mine), keys
}

// Whatever the bytes of a frame, it gets a decision that fits, and nothing
// beyond it is read or written.
func FuzzBurst(f *testing.F) {
	frames, _ := captured(f)
	for _, i := range []int{0, 1, 2, 3, 40, 41, 100} {
		f.Add(frames[i])
	}
	p := newPlane(f, true, nil)
	p.Fragments, p.Hold, p.Reset = newFragments(f), true, true
	for _, fragment := range bigDatagram(f, true, 1000, 1) {
		f.Add(fragment)
	}
	p.Routes = p.Routes.InsertPersist(prefix("0.0.0.0/1"), p.group).InsertPersist(prefix("::/1"), p.group)
	w := NewWorker(p.Config)
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := slices.Clone(frame)
		got := make([]Decision, 1)
		w.Burst(got, [][]byte{slices.Clip(frame)}, 0)
		d := got[0]
		w.Release(got[:1], make([]flowcache.Stray, 1), 0)
		if d.Hop == nil {
			require.NotZero(t, d.Drop)
			require.Equal(t, flowcache.NoMember, d.Verdict)
			require.Equal(t, before, frame)
			return
		}
		require.Zero(t, d.Drop)
		var h hash.Headers
		require.NoError(t, hash.Parse(before, &h))
		var changed []int
		for i := range frame {
			if frame[i] != before[i] {
				changed = append(changed, i)
			}
		}
		ip := int(h.L3Offset)
		allowed := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ip + 7}
		if !h.Outer.Is6() {
			allowed = append(allowed[:12], ip+8, ip+10, ip+11)
		}
		for _, i := range changed {
			require.Contains(t, allowed, i)
		}
		require.Equal(t, lifetime(before[ip:])-1, lifetime(frame[ip:]))
	})
}

// BenchmarkBurst forwards bursts of 32 frames of the captured traffic towards
// the service, pinned flows where there is a table. It leaves out reading and
// sending.
func BenchmarkBurst(b *testing.B) {
	all, _ := captured(b)
	for name, p := range planes(b) {
		b.Run(name, func(b *testing.B) {
			var frames [][]byte
			for _, f := range lasting(all) {
				if decide(NewWorker(p.Config), slices.Clone(f), 0).Drop == 0 {
					frames = append(frames, f)
				}
			}
			const burst = 32
			w := NewWorker(p.Config)
			got := make([]Decision, burst)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i += burst; i+burst > len(frames) {
					b.StopTimer()
					lasting(frames)
					b.StartTimer()
					i = 0
				}
				w.Burst(got, frames[i:i+burst], 1e9)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/frame")
		})
	}
}
