package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// tunnelled returns a frame with another one's packet in VXLAN.
func tunnelled(t testing.TB, inner []byte, port uint16) []byte {
	t.Helper()
	return frameOf(t, false, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: layers.UDPPort(port),
		DstPort: 4789},
		append(gopacket.Payload{8, 0, 0, 0, 0, 0, 7, 0}, inner...))
}

// The packets of a group with a keying go where its policy says, of whatever
// kind they are, and those of other groups by the policy of the worker.
func TestKeyingAgreesWithParse(t *testing.T) {
	own := hash.Policy{Hasher: hash.XX{Seed: 5}}
	for name, policy := range map[string]hash.Policy{
		"client":     {Hasher: hash.XX{Seed: 5}, Extractor: hash.SrcAddr},
		"addresses":  {Hasher: hash.XX{Seed: 5}, Extractor: hash.Addresses | hash.Symmetric},
		"inner":      {Hasher: hash.XX{Seed: 5}, Extractor: hash.Inner(hash.FiveTuple)},
		"of its own": {Hasher: hash.XX{Seed: 5}, Extractor: byTunnel{}},
	} {
		keyed := newGroup(t, nil, selector.GroupConfig{Name: "keyed", Strategy: selector.Maglev{}}, "a", "b", "c", "d")
		plain := newGroup(t, nil, selector.GroupConfig{Name: "plain", Strategy: selector.Maglev{}}, "a", "b", "c", "d")
		routes := new(Routes)
		routes.Insert(prefix("172.16.0.20/32"), keyed)
		routes.Insert(prefix("2001:db8:ac10::14/128"), keyed)
		routes.Insert(prefix("0.0.0.0/0"), plain)
		w := NewWorker(Config{Routes: routes, Policy: own, Fragments: newFragments(t), Hold: true,
			Keyings: map[*Group]*Keying{keyed: {Policy: policy}}})
		r := rand.New(rand.NewPCG(6, 6))
		var frames [][]byte
		for id := range uint32(100) {
			from, to := uint16(1024+r.IntN(1<<15)), uint16(1+r.IntN(1<<15))
			for _, v6 := range []bool{false, true} {
				tcp := func(src, dst host, a, b uint16) []byte {
					return frameOf(t, v6, src, dst, layers.IPProtocolTCP, &layers.TCP{SrcPort: layers.TCPPort(a),
						DstPort: layers.TCPPort(b), ACK: true}, make(gopacket.Payload, 64))
				}
				udp := frameOf(t, v6, client, vip, layers.IPProtocolUDP, &layers.UDP{SrcPort: layers.UDPPort(from),
					DstPort: layers.UDPPort(to)}, make(gopacket.Payload, 300))
				frames = append(frames, tcp(client, vip, from, to), tooBig(t, v6, vip, tcp(vip, client, to, from)), udp)
				frames = append(frames, fragmented(udp, id, 104)...)
				if !v6 {
					frames = append(frames, tunnelled(t, tcp(client, router, from, to), from),
						tcp(client, router, from, to))
				}
			}
		}
		fragments := newFragments(t)
		got, sent := make([]Decision, len(frames)), make([][]byte, len(frames))
		for i, f := range frames {
			sent[i] = slices.Clone(f)
		}
		w.Burst(got, sent, 0)
		for i, frame := range frames {
			var h [1]hash.Headers
			require.NoError(t, hash.Parse(frame, &h[0]))
			fragments.Complete(&h[0], frame, 0)
			group, by := plain, own
			if dst := h[0].Outer.Dst().Addr(); dst.Is6() || dst.As4() == [4]byte{172, 16, 0, 20} {
				group, by = keyed, policy
			}
			var sum [1]uint64
			by.HashHeaders(sum[:], h[:], [][]byte{frame})
			s := group.Load()
			require.Equal(t, s.At(s.Select(sum[0])).ID, got[i].Hop.ID, "%s: %x", name, frame)
		}
		assert.Zero(t, testing.AllocsPerRun(5, func() { w.Burst(got, lasting(sent), 0) }), name)
	}
}

// byTunnel is an extractor of the caller's.
type byTunnel struct{}

func (byTunnel) Extract(h *hash.Headers, _ []byte) hash.FlowKey {
	w0, w1, w2, w3, w4 := hash.Addresses.Extract(h, nil).Words()
	return hash.FlowKeyFromWords(w0, w1, w2, w3, w4|uint64(h.TunnelID))
}

// A flow that is many connections keeps its member when one of them ends, and
// lives as long as its class.
func TestAggregate(t *testing.T) {
	domain := selector.NewDomain()
	g := newGroup(t, domain, selector.GroupConfig{Name: "clients", Strategy: selector.Maglev{}}, "a", "b", "c")
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), g)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1000,
		Classes: []flowcache.ClassConfig{{Name: "affinity", Idle: time.Hour}}})
	require.NoError(t, err)
	w := NewWorker(Config{Routes: routes, Flows: table, Reset: true, Keyings: map[*Group]*Keying{g: {
		Policy: hash.Policy{Extractor: hash.SrcAddr}, Aggregate: true, Class: flowcache.FirstClass,
	}}})
	send := func(at time.Duration, port uint16, flags layers.TCP) (Decision, flowcache.Pin) {
		t.Helper()
		flags.SrcPort, flags.DstPort = layers.TCPPort(port), 80
		frame := frameOf(t, false, client, vip, layers.IPProtocolTCP, &flags, make(gopacket.Payload, 20))
		var d [1]Decision
		w.Burst(d[:], [][]byte{frame}, at)
		var pins []flowcache.Pin
		for pin := range table.All(at) {
			pins = append(pins, pin)
		}
		require.Len(t, pins, 1)
		return d[0], pins[0]
	}
	first, pin := send(0, 1000, layers.TCP{SYN: true})
	require.Equal(t, flowcache.Placed, first.Verdict)
	require.Equal(t, flowcache.Probation, pin.State)
	next, pin := send(3*time.Second, 1001, layers.TCP{SYN: true})
	require.Equal(t, flowcache.Pinned, next.Verdict)
	require.Equal(t, "affinity", table.StateName(pin.State))
	for _, flags := range []layers.TCP{{FIN: true, ACK: true}, {RST: true}} {
		_, pin = send(4*time.Second, 1000, flags)
		require.Equal(t, "affinity", table.StateName(pin.State))
	}
	_, err = g.Update(hops("d", "e", first.Hop.ID))
	require.NoError(t, err)
	next, _ = send(50*time.Minute, 1002, layers.TCP{SYN: true})
	require.Equal(t, first.Hop.ID, next.Hop.ID)

	// Its member leaves: what one session is answered ends nothing of others.
	_, err = g.Update(hops("d", "e"))
	require.NoError(t, err)
	next, pin = send(51*time.Minute, 1002, layers.TCP{ACK: true})
	require.Equal(t, Answered, next.Drop)
	require.NotEqual(t, flowcache.Closing, pin.State)
	next, _ = send(51*time.Minute, 1003, layers.TCP{ACK: true})
	require.Equal(t, flowcache.Pinned, next.Verdict)
}

// A tunnel's packet is no session to be reset, whatever is in it.
func TestKeyingAndReset(t *testing.T) {
	domain := selector.NewDomain()
	g := newGroup(t, domain, selector.GroupConfig{Name: "inner", Strategy: selector.Maglev{}}, "a")
	routes := new(Routes)
	routes.Insert(prefix("172.16.0.20/32"), g)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 1000})
	require.NoError(t, err)
	w := NewWorker(Config{Routes: routes, Flows: table, Reset: true, Keyings: map[*Group]*Keying{g: {
		Policy: hash.Policy{Extractor: hash.Inner(hash.FiveTuple)},
	}}})
	inner := frameOf(t, false, client, router, layers.IPProtocolTCP, &layers.TCP{SrcPort: 1, DstPort: 2, ACK: true},
		gopacket.Payload(binary.BigEndian.AppendUint64(nil, 7)))
	var d [1]Decision
	w.Burst(d[:], [][]byte{tunnelled(t, inner, 9)}, 0)
	require.Equal(t, flowcache.Placed, d[0].Verdict)
	_, err = g.Update(hops("b"))
	require.NoError(t, err)
	w.Burst(d[:], [][]byte{tunnelled(t, inner, 9)}, 0)
	require.Equal(t, flowcache.Moved, d[0].Verdict)
	require.Equal(t, "b", d[0].Hop.ID)
}
