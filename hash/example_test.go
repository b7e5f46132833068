package hash_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ecmp-go/ecmp/hash"
)

func ExampleParse() {
	frame := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" + // Ethernet, IPv4
		// TCP from 10.0.0.1 to 10.0.0.2
		"\x45\x00\x00\x28\xbe\xef\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
		// 49152 to 443, SYN
		"\xc0\x00\x01\xbb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00")

	var h hash.Headers // reused for every packet
	if err := hash.Parse(frame, &h); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Outer, h.TCPFlags, h.L3Offset, h.L4Offset)

	err := hash.Parse(frame[:40], &h)
	fmt.Println(err, errors.Is(err, hash.ErrTruncated))
	// Output:
	// TCP 10.0.0.1:49152 -> 10.0.0.2:443 SYN 14 34
	// hash: IPv4 header at byte 14: truncated true
}

// A worker's loop begins like this: a burst of frames, and a Flow for each.
func ExampleReader() {
	// one a worker
	reader := hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.NewMix(42)}.Reader()
	// reused for every burst
	flows := make([]hash.Flow, 2)
	ethernet := "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"
	reader.Read(flows, [][]byte{
		// IPv4, TCP from 10.0.0.1:49152 to 10.0.0.2:443, SYN
		[]byte(ethernet + "\x08\x00" +
			"\x45\x00\x00\x28\xbe\xef\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
			"\xc0\x00\x01\xbb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00"),
		[]byte(ethernet + "\x08\x06"), // ARP
	})
	for i, f := range flows {
		fmt.Println(f.L3, f.L4, f.Flags, f.TTL, f.Kind, reader.Err(i))
	}
	key := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("10.0.0.1:49152"),
		netip.MustParseAddrPort("10.0.0.2:443"))
	fmt.Println(flows[0].Hash == hash.Policy{Hasher: hash.NewMix(42)}.Hash(key))
	// Output:
	// 14 34 SYN 64 none <nil>
	// 0 0 none 0 NotIP hash: not an IP packet
	// true
}

func ExamplePolicy() {
	// The headers of a burst of packets, and where their hashes go. Both belong
	// to a worker and are reused.
	headers := make([]hash.Headers, 2)
	hashes := make([]uint64, 2)
	for i, packet := range [][]byte{
		[]byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
			"\xc0\x00\x00\x35\x00\x08\x00\x00"),
		[]byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
			"\xc0\x01\x00\x35\x00\x08\x00\x00"),
	} {
		if err := hash.ParseIP(packet, &headers[i]); err != nil {
			fmt.Println(err)
			return
		}
	}

	// Addresses and ports and protocol tell the two flows apart; addresses
	// alone do not.
	for _, fields := range []hash.Fields{hash.FiveTuple, hash.Addresses} {
		hasher := hash.Policy{Extractor: fields, Hasher: hash.XX{Seed: 1}}
		hasher.HashHeaders(hashes, headers, nil)
		fmt.Println(fields, hashes[0] == hashes[1])
	}
	// Output:
	// SrcAddr|DstAddr|Proto|SrcPort|DstPort false
	// SrcAddr|DstAddr true
}

// The hashes of flows on a router with net.ipv4.fib_multipath_hash_policy=3,
// _fields=0x37 and _seed=1. Of the selectors, selector.Threshold with KeepOrder
// makes of linux.Hash(flow) the next hop that the router takes.
func ExampleLinux611() {
	linux := hash.Linux611{Seed: 1, Policy: hash.LinuxCustom, Fields: hash.NewLinuxFields(hash.FiveTuple, 0)}
	for _, port := range []uint16{12345, 12346} {
		src := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)
		flow := hash.NewFlowKey(hash.TCP, src, netip.MustParseAddrPort("198.18.0.1:80"))
		fmt.Printf("%s: %08x\n", flow, linux.Hash32(flow))
	}
	// Output:
	// TCP 10.0.0.1:12345 -> 198.18.0.1:80: 1bc4e461
	// TCP 10.0.0.1:12346 -> 198.18.0.1:80: 0b1a66f0
}
