package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

// decide gives a worker one frame at a time.
func decide(w *Worker, frame []byte, now time.Duration) Decision {
	// none of it counts
	got := [1]Decision{{Hop: new(Adjacency), Verdict: flowcache.Detoured, Drop: NotIP}}
	w.Burst(got[:], [][]byte{frame}, now)
	return got[0]
}

// each runs a test for both versions of IP and for a hash that tells directions
// apart and one that does not.
func each(t *testing.T, test func(t *testing.T, v6 bool, hasher hash.Hasher)) {
	for name, hasher := range map[string]hash.Hasher{"directed": nil,
		"symmetric": symmetric.Hasher{Base: hash.XX{Seed: 5}}} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, v6 %v", name, v6), func(t *testing.T) { test(t, v6, hasher) })
		}
	}
}

// pinned returns a worker with the flows of 50 ports of the client, 1000 and
// up, on pod1, of a group that would place most of them elsewhere by now.
func pinned(t *testing.T, v6 bool, hasher hash.Hasher) (*Worker, plane) {
	t.Helper()
	p := newPlane(t, true, hasher)
	p.Fragments = newFragments(t)
	_, err := p.group.Update(hops("pod1"))
	require.NoError(t, err)
	w := NewWorker(p.Config)
	for port := range layers.TCPPort(50) {
		require.Equal(t, flowcache.Placed, decide(w, frameOf(t, v6, client, vip, layers.IPProtocolTCP,
			&layers.TCP{SrcPort: 1000 + port, DstPort: 443, SYN: true, DataOffset: 5}), 0).Verdict)
		require.Equal(t, flowcache.Placed, decide(w, frameOf(t, v6, client, vip, layers.IPProtocolUDP,
			&layers.UDP{SrcPort: layers.UDPPort(1000 + port), DstPort: 443}), 0).Verdict)
	}
	_, err = p.group.Update(hops("pod1", "pod2", "pod3"))
	require.NoError(t, err)
	moved := 0
	for port := range layers.TCPPort(50) {
		other := &layers.TCP{SrcPort: 5000 + port, DstPort: 443, SYN: true, DataOffset: 5}
		if decide(w, frameOf(t, v6, client, vip, layers.IPProtocolTCP, other), 0).Hop.ID != "pod1" {
			moved++
		}
	}
	require.Positive(t, moved, "the group places new flows elsewhere")
	return w, p
}

// Pods answer clients directly. A router on the way says that such an answer is
// too big. The error goes to the pod that sent the packet, which the client's
// flow is pinned to.
func TestICMPErrorsFollowTheirFlow(t *testing.T) {
	each(t, func(t *testing.T, v6 bool, hasher hash.Hasher) {
		w, _ := pinned(t, v6, hasher)
		for port := range layers.TCPPort(50) {
			reply := frameOf(t, v6, vip, client, layers.IPProtocolTCP,
				&layers.TCP{SrcPort: 443, DstPort: 1000 + port, ACK: true, DataOffset: 5},
				gopacket.Payload(make([]byte, 1400)))
			// all of it is cited, or as much as a router must
			for _, whole := range []int{len(reply), 14 + 48} {
				if v6 && whole < len(reply) {
					whole += 20
				}
				d := decide(w, tooBig(t, v6, vip, reply[:whole]), 0)
				require.Zero(t, d.Drop)
				assert.Equal(t, "pod1", d.Hop.ID)
				assert.Equal(t, flowcache.Pinned, d.Verdict)
			}
		}
	})
}
