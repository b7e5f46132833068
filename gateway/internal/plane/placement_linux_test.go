package plane

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A script is a transport and its lane that has the frames to come in, and
// takes note of where they go, by their contents behind the Ethernet header and
// what a router changes.
type script struct {
	frames   [][]byte
	received [][]byte
	to       map[string]string // member by frame
	end      func()
}

func (s *script) lanes() []lane               { return []lane{s} }
func (s *script) admit([]netip.Prefix) error  { return nil }
func (s *script) close() error                { return nil }
func (s *script) wake()                       {}
func (s *script) segment(int) int             { return 0 }
func (s *script) lose(string, uint16, []byte) {}
func (s *script) lost() *losses               { return new(losses) }
func (s *script) prepare(map[uint16]*net.Interface, Faults) func() {
	return func() {}
}

func (s *script) receive(limit time.Duration) ([][]byte, error) {
	if len(s.frames) == 0 {
		s.end()
		time.Sleep(limit)
	}
	s.received = s.frames[:min(len(s.frames), engine.MaxBurst)]
	s.frames = s.frames[len(s.received):]
	return s.received, nil
}

func (s *script) send(decisions []engine.Decision, _ func(int) []byte) {
	for i, d := range decisions {
		s.note(s.received[i], d)
	}
}

func (s *script) sendHeld(strays []flowcache.Stray, decisions []engine.Decision) {
	for i, stray := range strays {
		s.note(stray.Frame, decisions[i])
	}
}

func (s *script) note(frame []byte, d engine.Decision) {
	if d.Hop != nil {
		s.to[unrouted(frame)] = d.Hop.ID
	}
}

// unrouted returns a frame without what a router changes.
func unrouted(frame []byte) string {
	ip := bytes.Clone(frame[14:])
	if ip[0]>>4 == 4 {
		ip[8], ip[10], ip[11] = 0, 0, 0
	} else {
		ip[7] = 0
	}
	return string(ip)
}

// placementKinds returns frames of a flow of each kind. The fragments come in
// an order of their own.
func placementKinds(r *rand.Rand, i int) (frames [][]byte) {
	address := func(v6 bool) []byte {
		if v6 {
			return binary.BigEndian.AppendUint64([]byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0}, r.Uint64())
		}
		return []byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}
	}
	port := func() uint16 { return uint16(1 + r.IntN(65535)) }
	ports := func(size int) []byte {
		b := make([]byte, size)
		binary.BigEndian.PutUint16(b, port())
		binary.BigEndian.PutUint16(b[2:], 443)
		return b
	}
	tcp := ports(20)
	tcp[12], tcp[13] = 5<<4, 0x10
	udp := func() []byte {
		b := ports(8 + 600)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
		return b
	}
	vxlan := udp()
	binary.BigEndian.PutUint16(vxlan[2:], 4789)
	copy(vxlan[8:], "\x08\x00\x00\x00\x00\x00\x07\x00")
	copy(vxlan[16:], placementFrame(false, 6, 0, 0, address(false), address(false), tcp))
	for _, v6 := range []bool{false, true} {
		src, dst := address(v6), address(v6)
		icmp, esp := byte(1), byte(50)
		echo := append([]byte{8, 0, 0, 0}, ports(12)...)
		if v6 {
			icmp, echo[0] = 58, 128
		}
		frames = append(frames,
			placementFrame(v6, 6, 0, 0, src, dst, tcp), placementFrame(v6, 6, 0, 0, dst, src, tcp),
			placementFrame(v6, 17, 0, 0, src, dst, udp()), placementFrame(v6, 17, 0, 0, src, dst, vxlan),
			placementFrame(v6, icmp, 0, 0, src, dst, echo), placementFrame(v6, esp, 0, 0, src, dst, ports(40)))
		datagram := udp()
		var parts [][]byte
		for at := 0; at < len(datagram); at += 256 {
			more := 0
			if at+256 < len(datagram) {
				more = 1
			}
			parts = append(parts, placementFrame(v6, 17, uint16(at/8)<<1|uint16(more), uint16(i+1), src, dst,
				datagram[at:min(at+256, len(datagram))]))
		}
		r.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		frames = append(frames, parts...)
	}
	return frames
}

// placementFrame returns a frame. The fragment is its offset in units of eight
// bytes, doubled, and whether more follow.
func placementFrame(v6 bool, proto byte, fragment, id uint16, src, dst, payload []byte) []byte {
	frame := append(make([]byte, 12), 0x08, 0x00)
	if v6 {
		frame[12], frame[13] = 0x86, 0xdd
		next := proto
		if id != 0 {
			header := binary.BigEndian.AppendUint16([]byte{proto, 0}, fragment>>1<<3|fragment&1)
			payload = append(binary.BigEndian.AppendUint32(header, uint32(id)), payload...)
			next = 44
		}
		frame = append(frame, 0x60, 0, 0, 0, byte(len(payload)>>8), byte(len(payload)), next, 64)
	} else {
		frame = append(frame, 0x45, 0, byte((20+len(payload))>>8), byte(20+len(payload)), byte(id>>8), byte(id),
			byte(fragment&1<<5|fragment>>9), byte(fragment>>1), 64, proto, 0, 0)
	}
	frame = append(append(frame, src...), dst...)
	if !v6 {
		sum := uint32(0)
		for i := 14; i < 34; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(frame[i:]))
		}
		for sum > 0xffff {
			sum = sum&0xffff + sum>>16
		}
		binary.BigEndian.PutUint16(frame[24:], ^uint16(sum))
	}
	return append(frame, payload...)
}

// A capture that the forwarder plays goes to the same members as the packets
// that come to the gateway, with its defaults: of 10,000 flows of each kind,
// fragments in any order too.
func TestPlacesAsTheForwarder(t *testing.T) {
	flows := 10_000
	if testing.Short() {
		flows = 500
	}
	forwarder := filepath.Join(t.TempDir(), "forwarder")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", forwarder, "./forwarder")
	build.Dir = filepath.Join("..", "..", "..", "examples") // where go.sum has what it needs
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, sticky := range []bool{true, false} {
		r := rand.New(rand.NewPCG(7, 8))
		var frames [][]byte
		for i := range flows {
			frames = append(frames, placementKinds(r, i)...)
		}
		name := writeCapture(t, frames)
		dir := t.TempDir()
		out, err := exec.CommandContext(t.Context(), forwarder, "-pcap", name, "-out", dir, "-seed", "99",
			"-members", "pod1=10.0.0.1,pod2=10.0.0.2:3,pod3=10.0.0.3",
			fmt.Sprintf("-sticky=%t", sticky)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		want := make(map[string]string)
		for _, id := range []string{"pod1", "pod2", "pod3"} {
			for _, frame := range readCapture(t, filepath.Join(dir, id+".pcap")) {
				want[unrouted(frame)] = id
			}
		}
		require.Greater(t, len(want), 15*flows)

		ctx, cancel := context.WithCancel(t.Context())
		s := &script{frames: frames, to: make(map[string]string), end: cancel}
		c := Config{In: []string{"lo"}, Seed: 99, Domain: selector.NewDomain(),
			Fragments: flowcache.FragmentsConfig{Hold: 30 * time.Second}} // the worker may be kept from its work
		if sticky {
			c.Sticky = &flowcache.Config{Flows: 1 << 20}
		}
		p, err := newUserspace(c, func(Config) (transport, error) { return s, nil }, nil)
		require.NoError(t, err)
		p.start = p.start.Add(-time.Minute) // full bursts that never end work as the first ones do
		group, err := selector.NewGroup[engine.Adjacency](c.Domain, selector.GroupConfig{
			Name: "default", Strategy: selector.Bounded{},
		})
		require.NoError(t, err)
		hops := make([]engine.Hop, 3)
		for i := range hops {
			id := fmt.Sprintf("pod%d", i+1)
			hops[i] = engine.Hop{ID: id, Weight: 1, Value: engine.Adjacency{ID: id, Output: uint16(i)}}
		}
		hops[1].Weight = 3
		_, err = group.Update(hops)
		require.NoError(t, err)
		prefixes := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		require.NoError(t, p.Sync([]Service{{Group: group, Prefixes: prefixes}}))
		require.NoError(t, p.Run(ctx))
		differ := 0
		for frame, id := range want {
			if s.to[frame] != id {
				differ++
			}
		}
		assert.Zero(t, differ, "of %d frames, sticky %t", len(want), sticky)
		assert.Len(t, s.to, len(want))
		t.Logf("%d frames of %d flows of each kind, sticky %t: %d elsewhere", len(want), flows, sticky, differ)
	}
}

// writeCapture writes frames to a pcap, ten microseconds apart.
func writeCapture(t *testing.T, frames [][]byte) string {
	t.Helper()
	var b []byte
	word := func(values ...uint32) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	word(0xa1b2c3d4, 4<<16|2, 0, 0, 1<<18, 1)
	for i, f := range frames {
		at := 10 * uint32(i)
		word(1_000_000_000+at/1_000_000, at%1_000_000, uint32(len(f)), uint32(len(f)))
		b = append(b, f...)
	}
	name := filepath.Join(t.TempDir(), "in.pcap")
	require.NoError(t, os.WriteFile(name, b, 0o600))
	return name
}

// readCapture reads the frames of a pcap.
func readCapture(t *testing.T, name string) (frames [][]byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	for b = b[24:]; len(b) > 0; {
		size := int(binary.LittleEndian.Uint32(b[8:]))
		frames, b = append(frames, b[16:16+size]), b[16+size:]
	}
	return frames
}
