package hash_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// linuxHash returns the hash of an IP packet under a policy.
func linuxHash(t *testing.T, policy hash.LinuxPolicy, fields hash.LinuxFields, packet []byte) uint32 {
	headers, dst := make([]hash.Headers, 1), make([]uint64, 1)
	require.NoError(t, hash.ParseIP(packet, &headers[0]))
	require.NoError(t, headers[0].InnerErr())
	hash.Linux611{Seed: 5, Policy: policy, Fields: fields}.HashHeaders(dst, headers, nil)
	return uint32(dst[0] >> 32)
}

// keyHash returns that of a whole packet of a flow.
func keyHash(policy hash.LinuxPolicy, fields hash.LinuxFields, k hash.FlowKey) uint32 {
	return hash.Linux611{Seed: 5, Policy: policy, Fields: fields}.Hash32(k)
}

func flowOf(proto uint8, src, dst string) hash.FlowKey {
	return hash.NewFlowKey(proto, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst))
}

// What the documentation of Linux611 lists as surprising. That the kernel does
// all of it is shown by examples/linuxpath, which has it forward such packets.

func TestLinuxFragmentsPartFromWholePackets(t *testing.T) {
	whole := ip4(17, udp())
	noPorts := flowOf(17, "10.0.0.1:0", "10.0.0.2:0")
	for _, fragment := range [][]byte{patch(whole, 6, 0x20, 0), patch(whole, 6, 0, 9)} {
		assert.Equal(t, keyHash(hash.LinuxL4, 0, noPorts), linuxHash(t, hash.LinuxL4, 0, fragment))
		assert.Equal(t, keyHash(hash.LinuxCustom, 0x37, noPorts), linuxHash(t, hash.LinuxCustom, 0x37, fragment))
		assert.NotEqual(t, linuxHash(t, hash.LinuxL4, 0, whole), linuxHash(t, hash.LinuxL4, 0, fragment))
		assert.Equal(t, linuxHash(t, hash.LinuxL3, 0, whole), linuxHash(t, hash.LinuxL3, 0, fragment))
	}
	atomic := ip6(44, frag6(17, 0, false), udp())
	assert.NotEqual(t, linuxHash(t, hash.LinuxL4, 0, ip6(17, udp())), linuxHash(t, hash.LinuxL4, 0, atomic))
	assert.Equal(t, keyHash(hash.LinuxL4, 0, flowOf(17, "[2001:db8::1]:0", "[2001:db8::2]:0")),
		linuxHash(t, hash.LinuxL4, 0, atomic))
}

func TestLinuxHashesProtocol44OfIPv6Fragments(t *testing.T) {
	k := flowOf(44, "[2001:db8::1]:0", "[2001:db8::2]:0").WithLabel(0x12345)
	fragment := ip6(44, frag6(17, 9, true), udp())
	assert.Equal(t, keyHash(hash.LinuxL3, 0, k), linuxHash(t, hash.LinuxL3, 0, fragment))
	assert.NotEqual(t, linuxHash(t, hash.LinuxL3, 0, ip6(17, udp())), linuxHash(t, hash.LinuxL3, 0, fragment))
	assert.Equal(t, linuxHash(t, hash.LinuxInner, 0, ip6(17, udp())), linuxHash(t, hash.LinuxInner, 0, fragment))
}

func TestLinuxErrorsFollowTheirFlowUnderPolicy0Alone(t *testing.T) {
	packets := map[string][2][]byte{ // what was sent, and an error about it from elsewhere
		"IPv4": {ip4(6, tcp(0)), patch(ip4(1, icmp(3, ip4(6, tcp(0)))), 12, 192, 0, 2, 9)},
		"IPv6": {ip6(6, tcp(0)), patch(ip6(58, icmp(2, ip6(6, tcp(0)))), 8, 0x20, 0x02)},
	}
	for name, p := range packets {
		sent, about := p[0], p[1]
		assert.Equal(t, linuxHash(t, hash.LinuxL3, 0, sent), linuxHash(t, hash.LinuxL3, 0, about), name)
		for _, policy := range []hash.LinuxPolicy{hash.LinuxL4, hash.LinuxInner, hash.LinuxCustom} {
			assert.NotEqual(t, linuxHash(t, policy, 0, sent), linuxHash(t, policy, 0, about), name)
		}
	}
	// An error that cites no more than a header is one for Linux, though not
	// for Parse.
	bare := patch(ip4(1, icmp(3, ip4(6, nil))), 12, 192, 0, 2, 9)
	assert.Equal(t, linuxHash(t, hash.LinuxL3, 0, ip4(6, tcp(0))), linuxHash(t, hash.LinuxL3, 0, bare))
}

func TestLinuxIgnoresEchoIdentifiers(t *testing.T) {
	echo := ip4(1, icmp(8))
	for policy := range hash.LinuxPolicy(4) {
		assert.Equal(t, linuxHash(t, policy, 0xfff, echo), linuxHash(t, policy, 0xfff, patch(echo, 24, 9, 9)))
	}
}

func TestLinuxTakesSPIsForPorts(t *testing.T) {
	spi := bytesOf(0x12, 0x34, 0x56, 0x78) // ports 4660 and 22136
	esp := ip4(50, append(slices.Clone(spi), make([]byte, 12)...))
	assert.Equal(t, keyHash(hash.LinuxL4, 0, flowOf(50, "10.0.0.1:4660", "10.0.0.2:22136")),
		linuxHash(t, hash.LinuxL4, 0, esp))
	header := slices.Concat(bytesOf(6, 1, 0, 0), spi, make([]byte, 4))
	assert.Equal(t, keyHash(hash.LinuxL4, 0, flowOf(51, "10.0.0.1:4660", "10.0.0.2:22136")),
		linuxHash(t, hash.LinuxL4, 0, ip4(51, append(header, tcp(0)...))))
	assert.Equal(t, keyHash(hash.LinuxL4, 0, flowOf(51, "[2001:db8::1]:4660", "[2001:db8::2]:22136")),
		linuxHash(t, hash.LinuxL4, 0, ip6(51, header, tcp(0))))
	assert.Equal(t, keyHash(hash.LinuxL4, 0, flowOf(47, "10.0.0.1:0", "10.0.0.2:0")), linuxHash(t, hash.LinuxL4, 0,
		ip4(47, gre(0, 0x0800, other4()))))
}

func TestLinuxEntersIPInIPAndGREAlone(t *testing.T) {
	inner := keyHash(hash.LinuxInner, 0, flowOf(6, "192.0.2.1:0", "192.0.2.2:0"))
	outer := keyHash(hash.LinuxInner, 0, flowOf(6, "10.0.0.1:0", "10.0.0.2:0"))
	for name, p := range map[string][]byte{
		"IPIP": ip4(4, other4()), "GRE": ip4(47, gre(0xb000, 0x0800, other4())), "4in6": ip6(4, other4()),
		"GRE Ethernet": ip4(47, gre(0, 0x6558, ether4(other4()))),
	} {
		assert.Equal(t, inner, linuxHash(t, hash.LinuxInner, 0, p), name)
	}
	for name, p := range map[string][]byte{
		"VXLAN": ip4(17, udpTo(4789, vxlan(ether4(other4())))), "GTP-U": ip4(17, udpTo(2152, gtpu(0, 255, other4()))),
		"GRE MPLS":           ip4(47, gre(0, 0x8847, append(mpls(9), other4()...))),
		"a fragment of IPIP": patch(ip4(4, other4()), 6, 0x20, 0),
	} {
		assert.Equal(t, outer, linuxHash(t, hash.LinuxInner, 0, p), name)
	}
	// But where it is in a tunnel already, it stays there.
	middle := linuxHash(t, hash.LinuxInner, 0, ip4(4, ip4(17, udpTo(4789, vxlan(ether4(other4()))))))
	assert.Equal(t, outer, middle)
}

func TestLinuxKeepsTheLastLabel(t *testing.T) {
	labelled, plain := ip6(41, other6()), ip6(41, patch(other6(), 1, 0xf0, 0, 0))
	assert.Equal(t, linuxHash(t, hash.LinuxInner, 0, labelled), linuxHash(t, hash.LinuxInner, 0, plain),
		"both have label 0x12345 without")
	other := patch(labelled, 1, 0xf0, 0, 1)
	assert.Equal(t, linuxHash(t, hash.LinuxInner, 0, labelled), linuxHash(t, hash.LinuxInner, 0, other),
		"the inner label counts")
	assert.NotEqual(t, linuxHash(t, hash.LinuxInner, 0, plain), linuxHash(t, hash.LinuxInner, 0,
		patch(plain, 1, 0xf0, 0, 1)))
}
