package main

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/hash"
)

// The kernel forwards packets of every kind to the predicted next hops:
// fragments, ICMP errors and tunnels too. The test captures them where they
// come out.
func TestForwarded(t *testing.T) { inNamespace(t, testForwarded) }

func testForwarded(t *testing.T) {
	bed := newTestbed(t)
	g := bed.group(t)
	in, out := newLink(t, "pin"), newLink(t, "pout")
	b := builder{rand.New(rand.NewPCG(3, 4))}
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	total, wrong := 0, map[string]int{}
	for _, l := range settings() {
		configure(t, "ipv4", l)
		configure(t, "ipv6", l)
		for range rounds {
			packets := b.packets()
			for names := range slices.Chunk(slices.Sorted(maps.Keys(packets)), 32) {
				sent := map[string]string{} // name by what arrives
				for _, name := range names {
					sent[unrouted(packets[name])] = name
					in.send(t, packets[name])
				}
				for len(sent) > 0 {
					frame, ok := out.receive(t)
					if !ok {
						break
					}
					name, ok := sent[unrouted(frame[14:])]
					if !ok {
						continue // the kernel sent it
					}
					delete(sent, unrouted(frame[14:]))
					total++
					hashes, headers := make([]uint64, 1), make([]hash.Headers, 1)
					require.NoError(t, hash.Parse(frame, &headers[0]), name)
					l.HashHeaders(hashes, headers, nil)
					if int(frame[5]) != g.choose(hashes[0], netip.Addr{}).index {
						wrong[name]++
					}
				}
				require.Empty(t, sent, "the router did not forward these")
			}
		}
	}
	assert.Empty(t, wrong, "predicted wrongly, by kind")
	t.Logf("the kernel forwarded %d packets of %d kinds; all but %d as predicted", total, len(b.packets()), len(wrong))
}

// unrouted returns an IP packet with the fields zero that a router changes.
func unrouted(p []byte) string {
	p = slices.Clone(p)
	if p[0]>>4 == 4 {
		p = p[:binary.BigEndian.Uint16(p[2:])]
		p[8], p[10], p[11] = 0, 0, 0
	} else {
		p[7] = 0
	}
	return string(p)
}

// A link is a packet socket at one end of a veth pair.
type link struct{ fd, index int }

func newLink(t *testing.T, name string) link {
	t.Helper()
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, unix.Close(fd)) })
	l := link{fd, interfaceIndex(t, name)}
	require.NoError(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.index}))
	timeout := unix.NsecToTimeval(int64(2 * time.Second))
	require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	return l
}

// send sends an IP packet to the router.
func (l link) send(t *testing.T, packet []byte) {
	t.Helper()
	frame := append([]byte{2, 0, 0, 0, 2, 1, 2, 0, 0, 0, 9, 9, 8, 0}, packet...)
	if packet[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	require.NoError(t, unix.Sendto(l.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: l.index}))
}

// receive returns the next frame that comes in, or false if none comes for two
// seconds.
func (l link) receive(t *testing.T) ([]byte, bool) {
	t.Helper()
	frame := make([]byte, 2048)
	for {
		n, from, err := unix.Recvfrom(l.fd, frame, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil, false
		}
		require.NoError(t, err)
		if from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING && n > 34 {
			return frame[:n], true
		}
	}
}
