package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

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
		p.Hasher, p.Fragments = hash.Policy{Extractor: extractor}, NewFragments()
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

// As long as there is room, the memory says what a map says.
func TestFragmentsAgreeWithMap(t *testing.T) {
	type datagram struct {
		ports uint32
		at    int64
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	keys := make([]uint64, 1000)
	for i := range keys {
		keys[i] = rnd.Uint64()
	}
	model := map[uint64]datagram{}
	f := NewFragments()
	now, found, expired := int64(0), 0, 0
	for range 300_000 {
		now += rnd.Int64N(1e8)
		k := keys[rnd.IntN(len(keys))]
		if rnd.IntN(4) == 0 {
			model[k] = datagram{rnd.Uint32N(3), now}
			f.remember(k, model[k].ports, now)
			continue
		}
		ports, ok := f.recall(k, now)
		d, known := model[k]
		switch age := now - d.at; {
		case known && age <= 29.5e9:
			require.True(t, ok)
			require.Equal(t, d.ports, ports)
			found++
		case !known || age > 30e9 && age < 1000e9:
			require.False(t, ok)
			expired++
		}
	}
	assert.Greater(t, found, 10_000)
	assert.Greater(t, expired, 10_000)
}

// A set that is full forgets its oldest datagram.
func TestOldestDatagramGoes(t *testing.T) {
	f := NewFragments()
	key := func(i int) uint64 { return uint64(i*2+1) << fragmentTickBits } // all in one set
	const ways = 8
	for i := range 100 {
		f.remember(key(i), uint32(i), int64(i)*1e9)
		for j := range i + 1 {
			ports, ok := f.recall(key(j), int64(i)*1e9)
			require.Equal(t, j > i-ways, ok)
			if ok {
				require.EqualValues(t, j, ports)
			}
		}
	}
}

// Fragments and ICMP errors cost no allocation.
func TestFragmentsAllocateNothing(t *testing.T) {
	w, _ := pinned(t, true, nil)
	f := lasting(bigDatagram(t, true, 1000, 1))
	stray := lasting(bigDatagram(t, true, 1000, 2)[1:2])
	reply := frameOf(t, true, vip, client, layers.IPProtocolTCP, &layers.TCP{SrcPort: 443, DstPort: 1000, ACK: true,
		DataOffset: 5})
	icmp := lasting([][]byte{tooBig(t, true, vip, reply)})
	got := make([]Decision, 5)
	assert.Zero(t, testing.AllocsPerRun(50, func() { w.Burst(got, [][]byte{f[0], f[1], f[2], stray[0], icmp[0]}, 0) }))
	assert.Equal(t, flowcache.Pinned, got[4].Verdict)
}
