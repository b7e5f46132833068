package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// fragmentsOf returns a UDP datagram of the flow with this source port, in
// three fragments, and the flow's next packet.
func fragmentsOf(t *testing.T, v6 bool, port uint16) (frames [4][]byte) {
	t.Helper()
	const size = 96
	ethernet := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6)}
	for n := range frames {
		payload := make([]byte, size)
		if n == 0 || n == 3 {
			binary.BigEndian.PutUint16(payload, port)
			binary.BigEndian.PutUint16(payload[2:], 443)
			binary.BigEndian.PutUint16(payload[4:], size)
		}
		b := gopacket.NewSerializeBuffer()
		options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		var err error
		if v6 {
			ethernet.EthernetType = layers.EthernetTypeIPv6
			ip := &layers.IPv6{
				Version: 6, HopLimit: 63, SrcIP: net.ParseIP("2001:db8::7"), DstIP: net.ParseIP("2001:db8:ac10::14"),
				NextHeader: layers.IPProtocolUDP,
			}
			if n < 3 {
				ip.NextHeader = layers.IPProtocolIPv6Fragment
				header := []byte{byte(layers.IPProtocolUDP), 0}
				header = binary.BigEndian.AppendUint16(header, uint16(n*size)|uint16(1-n/2))
				header = binary.BigEndian.AppendUint32(header, uint32(port)<<8)
				payload = append(header, payload...)
			}
			err = gopacket.SerializeLayers(b, options, ethernet, ip, gopacket.Payload(payload))
		} else {
			ethernet.EthernetType = layers.EthernetTypeIPv4
			ip := &layers.IPv4{
				Version: 4, TTL: 63, SrcIP: net.IP{198, 51, 100, 7}, DstIP: net.IP{172, 16, 0, 20},
				Protocol: layers.IPProtocolUDP, Id: port,
			}
			if n < 3 {
				ip.FragOffset, ip.Flags = uint16(n*size/8), layers.IPv4Flag(1-n/2)
			}
			err = gopacket.SerializeLayers(b, options, ethernet, ip, gopacket.Payload(payload))
		}
		require.NoError(t, err)
		frames[n] = b.Bytes()
	}
	return frames
}

// portOf returns the source port that fragmentsOf was called with.
func portOf(frame []byte) (v6 bool, port uint16) {
	if frame[12] == 0x08 {
		return false, binary.BigEndian.Uint16(frame[14+4:])
	}
	if frame[14+6] == byte(layers.IPProtocolUDP) {
		return true, binary.BigEndian.Uint16(frame[14+40:])
	}
	return true, uint16(binary.BigEndian.Uint32(frame[14+44:]) >> 8)
}

// writeFragments writes a capture of datagrams in fragments, in every order,
// 8 ms apart, each followed by a whole packet of its flow.
func writeFragments(t *testing.T, datagrams, snap int) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "fragments.pcap")
	f, err := os.Create(name)
	require.NoError(t, err)
	w, err := capture.NewWriter(f)
	require.NoError(t, err)
	start := time.Unix(1e9, 0)
	const inFlight = 100
	orders := [][4]int{{0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3}, {1, 2, 0, 3}, {2, 0, 1, 3}, {2, 1, 0, 3}}
	for from := 0; from < datagrams; from += inFlight {
		for k := range 4 {
			for i := from; i < from+inFlight; i++ {
				for _, v6 := range []bool{false, true} {
					frame := fragmentsOf(t, v6, uint16(1000+i))[orders[i%6][k]]
					require.NoError(t, w.Write(capture.Packet{
						Time: start, Frame: frame[:min(snap, len(frame))], Length: len(frame),
					}))
				}
				start = start.Add(80 * time.Microsecond)
			}
		}
	}
	require.NoError(t, w.Close())
	return name
}

// Fragments of three in every order, 8 ms apart: of 1,000 datagrams of each
// version none is split, and all are where the whole packets of their flow are.
// The captures of the members hold each packet once, as it was captured.
func TestReplayOfFragments(t *testing.T) {
	racecheck.OneGoroutine(t)
	const datagrams = 1000
	for _, snap := range []int{1 << 16, 80} {
		for _, sticky := range []string{"true", "false"} {
			report, members, code, stderr := replayed(t, "-pcap", writeFragments(t, datagrams, snap), "-members",
				threeMembers, "-sticky="+sticky)
			require.Zero(t, code, stderr)
			assert.EqualValues(t, 8*datagrams, report.Frames)
			assert.Empty(t, report.Dropped)
			assert.Zero(t, report.Strays)
			held := 0
			for i := range datagrams {
				held += 2 * [6]int{0, 0, 1, 2, 1, 2}[i%6] // of both versions, in each order
			}
			assert.EqualValues(t, held, report.Held)
			where := map[string]map[string]int{}
			frames, flows := 0, 0
			for id, packets := range members {
				var before time.Time
				for _, p := range packets {
					v6, port := portOf(p.Frame)
					flow := fmt.Sprint(v6, port)
					if where[flow] == nil {
						where[flow] = map[string]int{}
					}
					where[flow][id]++
					frames++
					want := fragmentsOf(t, v6, port)[0]
					if v6 && p.Frame[14+6] == byte(layers.IPProtocolUDP) {
						want = fragmentsOf(t, v6, port)[3]
					}
					require.Equal(t, len(want), p.Length)
					require.Len(t, p.Frame, min(snap, len(want)))
					require.False(t, p.Time.Before(before), "time does not run backwards")
					before = p.Time
				}
			}
			split := 0
			for _, members := range where {
				if len(members) > 1 {
					split++
				}
			}
			assert.Zero(t, split, "of %d datagrams", len(where))
			assert.Len(t, where, 2*datagrams)
			assert.Equal(t, 8*datagrams, frames)
			for _, m := range report.Members {
				flows += m.Flows
			}
			assert.Equal(t, 2*datagrams, flows)
		}
	}
}

// Fragments whose first one is missing go by their addresses, all of them
// together, 50 ms later or when the capture ends, and are counted.
func TestReplayOfStrays(t *testing.T) {
	name := filepath.Join(t.TempDir(), "strays.pcap")
	f, err := os.Create(name)
	require.NoError(t, err)
	w, err := capture.NewWriter(f)
	require.NoError(t, err)
	start := time.Unix(1e9, 0)
	for i, at := range []time.Duration{0, time.Millisecond, time.Second} {
		for n := 1; n < 3; n++ {
			frame := fragmentsOf(t, i == 1, uint16(1000+i))[n]
			require.NoError(t, w.Write(capture.Packet{Time: start.Add(at), Frame: frame, Length: len(frame)}))
		}
	}
	require.NoError(t, w.Close())
	report, members, code, stderr := replayed(t, "-pcap", name, "-members", threeMembers)
	require.Zero(t, code, stderr)
	assert.EqualValues(t, 6, report.Held)
	assert.EqualValues(t, 6, report.Strays)
	var last time.Time
	for _, packets := range members {
		for _, p := range packets {
			if p.Time.After(last) {
				last = p.Time
			}
		}
	}
	assert.Equal(t, 1050*time.Millisecond, last.Sub(start))
	_, stdout, _ := forward(t, "-pcap", name, "-members", threeMembers)
	assert.Contains(t, stdout, "6 fragments went by their addresses")
}
