package engine

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

func newFragments(t testing.TB) *flowcache.Fragments {
	t.Helper()
	f, err := flowcache.NewFragments(flowcache.FragmentsConfig{})
	require.NoError(t, err)
	return f
}

// bigDatagram returns a UDP datagram of the client in fragments.
func bigDatagram(t testing.TB, v6 bool, port layers.UDPPort, id uint32) [][]byte {
	t.Helper()
	whole := frameOf(t, v6, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: port, DstPort: 443},
		gopacket.Payload(make([]byte, 4000)))
	return fragmented(whole, id, 1400)
}

// All fragments of a datagram go to the member of their flow, in whichever
// order the later ones come, and to whichever worker.
func TestFragmentsFollowTheirFlow(t *testing.T) {
	each(t, func(t *testing.T, v6 bool, hasher hash.Hasher) {
		first, p := pinned(t, v6, hasher)
		second := NewWorker(p.Config)
		for port := range layers.UDPPort(50) {
			f := bigDatagram(t, v6, 1000+port, 7+uint32(port))
			require.Len(t, f, 3)
			for _, d := range []Decision{decide(first, f[0], 0), decide(second, f[2], 0), decide(first, f[1], 0)} {
				assert.Equal(t, Decision{Hop: d.Hop, Verdict: flowcache.Pinned}, d)
				assert.Equal(t, "pod1", d.Hop.ID)
			}
		}
		for _, w := range []*Worker{first, second} {
			assert.Zero(t, w.Counters().Strays)
		}
	})
}

// Datagrams of many flows at a time are told apart by their IDs alone, whatever
// their flow labels, and with either extractor.
func TestInterleavedDatagrams(t *testing.T) {
	for _, extractor := range []hash.Extractor{hash.FiveTuple, hash.Inner(hash.FiveTuple)} {
		p := newPlane(t, false, nil)
		p.Policy, p.Fragments = hash.Policy{Extractor: extractor}, newFragments(t)
		w := NewWorker(p.Config)
		for _, v6 := range []bool{false, true} {
			var datagrams [][][]byte
			var want []string
			members := map[string]bool{}
			for port := range layers.UDPPort(50) {
				d := bigDatagram(t, v6, 1000+port, map[bool]uint32{false: 1, true: 1 << 16}[v6]*uint32(port))
				if v6 {
					d[1][14+3] = byte(port)
				}
				datagrams = append(datagrams, d)
				whole := frameOf(t, v6, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: 1000 + port,
					DstPort: 443})
				want = append(want, decide(w, whole, 0).Hop.ID)
				members[want[port]] = true
			}
			require.Len(t, members, 3)
			for n := range 3 {
				for i, d := range datagrams {
					require.Equal(t, want[i], decide(w, d[n], 0).Hop.ID)
				}
			}
		}
	}
}

// So do those in one burst.
func TestFragmentsInABurst(t *testing.T) {
	w, _ := pinned(t, false, nil)
	var burst [][]byte
	for port := range layers.UDPPort(50) {
		burst = append(burst, bigDatagram(t, false, 1000+port, uint32(port))...)
	}
	got := make([]Decision, len(burst))
	w.Burst(got, burst, 0)
	for _, d := range got {
		assert.Equal(t, "pod1", d.Hop.ID)
	}
}

// The first fragment of a new flow makes its pin, as a whole packet does.
func TestFirstFragmentPins(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w, p := pinned(t, v6, nil)
		where := map[layers.UDPPort]string{}
		for port := range layers.UDPPort(50) {
			d := decide(w, bigDatagram(t, v6, 7000+port, 1)[0], 0)
			require.Equal(t, flowcache.Placed, d.Verdict)
			where[port] = d.Hop.ID
		}
		_, err := p.group.Update(hops("pod1", "pod2", "pod3", "pod4", "pod5"))
		require.NoError(t, err)
		for port, member := range where {
			d := decide(w, frameOf(t, v6, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: 7000 + port,
				DstPort: 443}), 0)
			require.Equal(t, flowcache.Pinned, d.Verdict)
			require.Equal(t, member, d.Hop.ID)
		}
	}
}

// A fragment that comes before the first one, or too long after it, goes where
// the selector places its addresses, and is counted.
func TestStrayFragments(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w, p := pinned(t, v6, nil)
		f := bigDatagram(t, v6, 1000, 1)
		stray := decide(w, f[1], 0)
		assert.Equal(t, flowcache.Unpinned, stray.Verdict)
		assert.EqualValues(t, 1, w.Counters().Strays)

		without := p.Config
		without.Fragments = nil
		assert.Equal(t, stray, decide(NewWorker(without), bigDatagram(t, v6, 1000, 1)[1], 0))

		decide(w, f[0], 0)
		decide(w, bigDatagram(t, v6, 1000, 1)[1], 29e9)
		assert.EqualValues(t, 1, w.Counters().Strays)
		assert.Equal(t, stray, decide(w, bigDatagram(t, v6, 1000, 1)[1], 30.1e9))
		assert.EqualValues(t, 2, w.Counters().Strays)
	}
}

// Fragments of three in every order within the hold, at two workers: of 1,000
// datagrams none is split. None is lost or counted twice.
func TestNoDatagramIsSplit(t *testing.T) {
	const datagrams = 1000
	orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	for _, v6 := range []bool{false, true} {
		p := newPlane(t, true, nil)
		p.Fragments, p.Hold = newFragments(t), true
		workers := [2]*Worker{NewWorker(p.Config), NewWorker(p.Config)}
		var members [datagrams]map[string]int
		var now time.Duration
		note := func(frame []byte, d Decision) {
			if d.Drop == Held {
				return
			}
			require.Zero(t, d.Drop)
			id := int(frame[14+4])<<8 | int(frame[14+5])
			if v6 {
				id = int(frame[14+46])<<8 | int(frame[14+47])
			}
			if members[id] == nil {
				members[id] = map[string]int{}
			}
			members[id][d.Hop.ID]++
		}
		release := func() {
			dst, strays := make([]Decision, 10), make([]flowcache.Stray, 10)
			for _, w := range workers {
				for n := len(dst); n == len(dst); {
					n = w.Release(dst, strays, now)
					for i, d := range dst[:n] {
						note(strays[i].Frame, d)
					}
				}
			}
		}
		for from := 0; from < datagrams; from += 100 {
			for k := range 3 {
				for id := from; id < from+100; id++ {
					f := bigDatagram(t, v6, layers.UDPPort(1000+id), uint32(id))[orders[id%6][k]]
					note(f, decide(workers[(id+k*id/2)%2], f, now))
					if id%32 == 0 {
						release()
					}
				}
				now += 20 * time.Millisecond
			}
			release()
		}
		all := map[string]int{}
		for id, m := range members {
			require.Len(t, m, 1, "datagram %d", id)
			for member, n := range m {
				require.Equal(t, 3, n)
				all[member]++
			}
		}
		require.Len(t, all, 3)
		for _, w := range workers {
			assert.Zero(t, w.Held())
			assert.Zero(t, w.Counters().Strays)
			assert.Greater(t, w.Counters().Held, uint64(100))
			assertConserved(t, w.Counters(), int(w.Counters().In.Frames))
		}
	}
}

// A fragment whose first one does not come is held for 50 ms, and then goes by
// its addresses. Its number is that of the frames held before it.
func TestHeldFragments(t *testing.T) {
	_, p := pinned(t, false, nil)
	p.Hold = true
	w := NewWorker(p.Config)
	dst, strays := make([]Decision, 3), make([]flowcache.Stray, 2)
	for id := range uint32(3) {
		d := decide(w, bigDatagram(t, false, 1000, id)[1], time.Duration(id))
		require.Equal(t, Decision{Verdict: flowcache.NoMember, Drop: Held}, d)
	}
	require.Zero(t, w.Release(dst, strays, 49*time.Millisecond))
	require.Equal(t, 3, w.Held())
	require.EqualValues(t, 0, w.Counters().Strays)
	require.Equal(t, 2, w.Release(dst, strays, 51*time.Millisecond))
	require.Equal(t, flowcache.Unpinned, dst[0].Verdict)
	require.Equal(t, []uint64{0, 1}, []uint64{strays[0].Ref, strays[1].Ref})
	require.Equal(t, dst[1].Hop.Header[:], strays[1].Frame[:len(dst[1].Hop.Header)])
	require.Equal(t, 1, w.Release(dst, strays, 51*time.Millisecond))
	require.EqualValues(t, 2, strays[0].Ref)
	require.EqualValues(t, 3, w.Counters().Strays)
	require.EqualValues(t, 3, w.Counters().Held)
	assertConserved(t, w.Counters(), 3)
	assert.Panics(t, func() { w.Release(dst[:1], strays, 0) })
	assert.Zero(t, NewWorker(Config{Routes: p.Routes}).Release(dst, strays, 0))
}

// The flows of a protocol without ports have the same key in fragments: their
// pin is found without a memory of datagrams.
func TestFragmentsWithoutPorts(t *testing.T) {
	w, p := pinned(t, false, nil)
	const gre = layers.IPProtocolGRE
	ping := frameOf(t, false, client, vip, gre, gopacket.Payload(make([]byte, 3000)))
	f := fragmented(ping, 3, 1400)
	require.Equal(t, flowcache.Placed, decide(w, f[0], 0).Verdict)
	_, err := p.group.Update(hops("pod1", "pod2", "pod3", "pod4", "pod5"))
	require.NoError(t, err)
	for _, frame := range [][]byte{f[1], f[2], frameOf(t, false, client, vip, gre, gopacket.Payload{0, 0, 8, 0})} {
		assert.Equal(t, flowcache.Pinned, decide(w, frame, 0).Verdict)
	}
	assert.Zero(t, w.Counters().Strays)
}

// A first fragment too short for ports is no worse than a stray.
func TestShortFirstFragment(t *testing.T) {
	w, _ := pinned(t, false, nil)
	f := fragmented(frameOf(t, false, client, vip, layers.IPProtocolUDP, gopacket.Payload(make([]byte, 16))), 3, 8)
	f[0] = f[0][:14+ipv4Size+3]
	f[0][14+3] = ipv4Size + 3
	assert.Equal(t, flowcache.Unpinned, decide(w, f[0], 0).Verdict)
	assert.EqualValues(t, 1, w.Counters().Strays)
}

// Fragments, held or not, and ICMP errors cost no allocation.
func TestFragmentsAllocateNothing(t *testing.T) {
	_, p := pinned(t, true, nil)
	p.Hold = true
	w := NewWorker(p.Config)
	f := lasting(bigDatagram(t, true, 1000, 1))
	stray := lasting(bigDatagram(t, true, 1000, 2)[1:2])
	reply := frameOf(t, true, vip, client, layers.IPProtocolTCP, &layers.TCP{SrcPort: 443, DstPort: 1000, ACK: true,
		DataOffset: 5})
	icmp := lasting([][]byte{tooBig(t, true, vip, reply)})
	got, strays := make([]Decision, 5), make([]flowcache.Stray, 5)
	now, released := time.Duration(0), 0
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		now += 60 * time.Millisecond
		w.Burst(got, [][]byte{f[0], f[1], f[2], stray[0], icmp[0]}, now)
		released += w.Release(got[:1], strays[:1], now+50*time.Millisecond)
	}))
	assert.Equal(t, flowcache.Pinned, got[4].Verdict)
	assert.Equal(t, 51, released)
}
