package engine

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// resetOf returns what a host without the session answers to a frame, as
// gopacket reads and writes them; nil if it answers nothing.
func resetOf(t testing.TB, frame []byte) []byte {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	was, ok := p.TransportLayer().(*layers.TCP)
	if !ok || was.RST || was.SYN && !was.ACK {
		return nil
	}
	tcp := &layers.TCP{SrcPort: was.DstPort, DstPort: was.SrcPort, RST: true, Seq: was.Ack}
	if !was.ACK {
		tcp.Seq, tcp.ACK, tcp.Ack = 0, true, was.Seq+uint32(len(was.Payload))
		if was.FIN {
			tcp.Ack++
		}
	}
	var list []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			l.SrcMAC, l.DstMAC = l.DstMAC, l.SrcMAC
			list = append(list, l)
		case *layers.Dot1Q:
			list = append(list, l)
		case *layers.IPv4:
			ip := &layers.IPv4{Version: 4, TTL: 64, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolTCP,
				SrcIP: l.DstIP, DstIP: l.SrcIP}
			require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
			list = append(list, ip)
		case *layers.IPv6:
			ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: l.DstIP,
				DstIP: l.SrcIP}
			require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
			list = append(list, ip)
		}
	}
	b := serialized(t, append(list, tcp)...)
	offset := 14
	for _, l := range p.Layers() {
		if _, ok := l.(*layers.Dot1Q); ok {
			offset += 4
		}
	}
	size := map[uint8]int{4: ipv4Size, 6: ipv6Size}[b[offset]>>4]
	return b[:offset+size+tcpSize] // without the padding to the least size of a frame
}

// flowOf reads one frame.
func flowOf(frame []byte) hash.Flow {
	var f [1]hash.Flow
	hash.Policy{}.Reader().Read(f[:], [][]byte{frame})
	return f[0]
}

// sessions are packets within TCP sessions, of all kinds.
func sessions(t testing.TB) (frames [][]byte) {
	captured, _ := captured(t)
	for _, f := range captured {
		if resetOf(t, f) != nil {
			frames = append(frames, f)
		}
	}
	options := []layers.TCPOption{{OptionType: 8, OptionLength: 10, OptionData: make([]byte, 8)}}
	for _, tcp := range []layers.TCP{
		{ACK: true, Ack: 1<<32 - 1}, {ACK: true, PSH: true, Seq: 5, Ack: 6, Options: options},
		{FIN: true, Seq: 1<<32 - 3}, {PSH: true, Seq: 9, Options: options},
		{SYN: true, ACK: true, Ack: 77}, {FIN: true, ACK: true, Ack: 78}, {URG: true},
	} {
		tcp.SrcPort, tcp.DstPort = 1000, 443
		for n := range 3 { // with an odd number of bytes as well
			body := gopacket.Payload("data"[:n+1])
			for _, v6 := range []bool{false, true} {
				frames = append(frames, frameOf(t, v6, client, vip, layers.IPProtocolTCP, &tcp, body))
			}
		}
		ip := frameOf(t, false, client, vip, layers.IPProtocolTCP, &tcp)
		withOptions := slices.Concat(ip[:34], []byte{1, 1, 1, 1}, ip[34:])
		withOptions[14] = 0x46
		withOptions[14+3] += 4
		extended := frameOf(t, true, client, vip, layers.IPProtocolIPv6Destination, gopacket.Payload{6, 0, 1, 4, 0,
			0, 0, 0}, gopacket.Payload(ip[34:]))
		frames = append(frames, withOptions, extended)
	}
	for _, f := range frames[len(frames)-20:] {
		frames = append(frames, slices.Concat(f[:12], []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 9}, f[12:]))
	}
	return frames
}

// A reset is the one that gopacket writes, byte by byte, in the memory of the
// packet.
func TestResetAgreesWithModel(t *testing.T) {
	frames := sessions(t)
	require.Greater(t, len(frames), 1000)
	for _, f := range frames {
		want := resetOf(t, f)
		f = slices.Clone(f)
		flow := flowOf(f)
		require.True(t, resettable(flow.Flags))
		got := reset(f, &flow)
		require.Equal(t, want, got, "%x", f)
		require.Same(t, &f[0], &got[0])
	}
}

// Of a packet that is longer than its header can say, all is data.
func TestResetOfUnsegmentedPacket(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		f := frameOf(t, v6, client, vip, layers.IPProtocolTCP, &layers.TCP{SrcPort: 1, PSH: true, Seq: 10},
			gopacket.Payload(make([]byte, 70)))
		length := map[bool]int{false: 14 + 2, true: 14 + 4}[v6]
		f[length], f[length+1] = 0, 0
		flow := flowOf(f)
		got := reset(f, &flow)
		assert.EqualValues(t, 80, binary.BigEndian.Uint32(got[len(got)-12:]))
	}
}

// lost returns a worker that knows 50 sessions of a member that has left.
func lost(t *testing.T, v6, resets bool) *Worker {
	t.Helper()
	p := newPlane(t, true, nil)
	p.Reset, p.Fragments = resets, newFragments(t)
	_, err := p.group.Update(hops("pod1"))
	require.NoError(t, err)
	w := NewWorker(p.Config)
	for port := range layers.TCPPort(50) {
		decide(w, session(t, v6, port, layers.TCP{SYN: true}), 0)
		require.Equal(t, flowcache.Pinned, decide(w, session(t, v6, port, layers.TCP{ACK: true}), 0).Verdict)
	}
	_, err = p.group.Update(hops("pod2", "pod3"))
	require.NoError(t, err)
	return w
}

func session(t testing.TB, v6 bool, port layers.TCPPort, tcp layers.TCP) []byte {
	t.Helper()
	tcp.SrcPort, tcp.DstPort = 1000+port, 443
	return frameOf(t, v6, client, vip, layers.IPProtocolTCP, &tcp, gopacket.Payload("data"))
}

// A session whose member left is reset once, and the next one from the same
// port is placed as if it were the first.
func TestLostSessionsAreReset(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w := lost(t, v6, true)
		bytes := 0
		for port := range layers.TCPPort(50) {
			f := session(t, v6, port, layers.TCP{ACK: true, Ack: 5})
			want := resetOf(t, f)
			d := decide(w, f, 0)
			require.Equal(t, Decision{Verdict: flowcache.Moved, Drop: Answered}, d)
			require.Equal(t, want, w.Reply(0))
			require.Nil(t, w.Reply(1))
			bytes += len(want)
			require.Equal(t, flowcache.Pinned, decide(w, session(t, v6, port, layers.TCP{ACK: true}), 0).Verdict,
				"on the way before the reset came")
			require.Equal(t, flowcache.Placed, decide(w, session(t, v6, port, layers.TCP{SYN: true}), 0).Verdict)
			require.Equal(t, flowcache.Pinned, decide(w, session(t, v6, port, layers.TCP{ACK: true}), 0).Verdict)
		}
		assert.EqualValues(t, 50, w.Counters().Dropped(Answered))
		assert.Equal(t, Traffic{50, uint64(bytes)}, w.Counters().Replies)
		assertConserved(t, w.Counters(), 300)
	}
}

// What is no packet of a TCP session goes to the new member, and so does
// everything unless resets are asked for.
func TestNotReset(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w, quiet := lost(t, v6, true), lost(t, v6, false)
		for i, tcp := range []layers.TCP{{SYN: true}, {RST: true}, {RST: true, ACK: true},
			{SYN: true, ECE: true, CWR: true}, {}} {
			d := decide(w, session(t, v6, layers.TCPPort(i), tcp), 0)
			assert.Equal(t, Decision{Hop: d.Hop, Verdict: flowcache.Moved}, d)
		}
		first := fragmented(session(t, v6, 20, layers.TCP{ACK: true}), 1, 8)[0]
		d := decide(w, first, 0)
		assert.Equal(t, Decision{Hop: d.Hop, Verdict: flowcache.Moved}, d)
		assert.Zero(t, w.Counters().Dropped(Answered))

		d = decide(quiet, session(t, v6, 0, layers.TCP{ACK: true}), 0)
		assert.Equal(t, Decision{Hop: d.Hop, Verdict: flowcache.Moved}, d)
	}
}

// A session in a tunnel is not answered, whatever its flow is found by: the
// reset would be for the tunnel.
func TestTunnelledSessionsAreNotReset(t *testing.T) {
	p := newPlane(t, true, nil)
	p.Reset, p.Policy.Extractor = true, hash.Inner(hash.FiveTuple)
	_, err := p.group.Update(hops("pod1"))
	require.NoError(t, err)
	w := NewWorker(p.Config)
	inner := session(t, false, 1, layers.TCP{ACK: true, Ack: 5})[14:]
	frame := frameOf(t, false, client, vip, layers.IPProtocolIPv4, gopacket.Payload(inner))
	require.Equal(t, flowcache.Placed, decide(w, slices.Clone(frame), 0).Verdict)
	_, err = p.group.Update(hops("pod2", "pod3"))
	require.NoError(t, err)
	d := decide(w, frame, 0)
	require.Equal(t, Decision{Hop: d.Hop, Verdict: flowcache.Moved}, d)
}

func TestResetAllocatesNothing(t *testing.T) {
	w := lost(t, false, true)
	frames := make([][]byte, 50)
	for port := range frames {
		frames[port] = session(t, false, layers.TCPPort(port), layers.TCP{ACK: true})
	}
	got := make([]Decision, 1)
	i := 0
	assert.Zero(t, testing.AllocsPerRun(len(frames)-1, func() {
		w.Burst(got, frames[i:i+1], 0)
		i++
	}))
	assert.EqualValues(t, 50, w.Counters().Dropped(Answered))
}

// Whatever a packet of a session looks like, its reset is one that gopacket
// reads and finds nothing wrong with, between the same endpoints.
func FuzzReset(f *testing.F) {
	all := sessions(f)
	for _, frame := range all[len(all)-70:] { // made by hand
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var h hash.Headers
		if hash.Parse(frame, &h) != nil || h.Encapsulated || !resettable(h.TCPFlags) {
			return
		}
		flow := flowOf(frame)
		got := reset(slices.Clip(frame), &flow)
		var answer hash.Headers
		require.NoError(t, hash.Parse(got, &answer))
		require.Equal(t, hash.RST, answer.TCPFlags&^hash.ACK)
		require.False(t, resettable(answer.TCPFlags))
		require.Equal(t, hash.FiveTuple.Extract(&h, nil), answer.Outer.Reverse())

		ip := got[answer.L3Offset:]
		if !h.Outer.Is6() {
			require.Zero(t, checksum(ip[:ipv4Size]))
		}
		require.Zero(t, checksum(slices.Concat(pseudoHeader(answer.Outer), got[answer.L4Offset:])))
	})
}

// pseudoHeader is what the checksum of TCP covers beside the segment, which is
// a header alone.
func pseudoHeader(k hash.FlowKey) []byte {
	join := func(a netip.Addr) []byte { return a.AsSlice() }
	return slices.Concat(join(k.Src().Addr()), join(k.Dst().Addr()), []byte{0, tcpSize, 0, hash.TCP})
}
