package hash_test

import (
	"errors"
	"fmt"

	"github.com/ecmp-go/ecmp/hash"
)

func ExampleParse() {
	frame := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" + // Ethernet, IPv4
		"\x45\x00\x00\x28\xbe\xef\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" + // TCP from 10.0.0.1 to 10.0.0.2
		"\xc0\x00\x01\xbb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00") // 49152 to 443, SYN

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

func ExampleKeyed() {
	// The headers of a burst of packets, and where their hashes go. Both belong to a worker and are reused.
	headers := make([]hash.Headers, 2)
	hashes := make([]uint64, 2)
	for i, packet := range [][]byte{
		[]byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\xc0\x00\x00\x35\x00\x08\x00\x00"),
		[]byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\xc0\x01\x00\x35\x00\x08\x00\x00"),
	} {
		if err := hash.ParseIP(packet, &headers[i]); err != nil {
			fmt.Println(err)
			return
		}
	}

	// Addresses and ports and protocol tell the two flows apart; addresses alone do not.
	for _, fields := range []hash.Fields{hash.FiveTuple, hash.Addresses} {
		hasher := hash.Keyed{Extractor: fields, Hasher: hash.XX{Seed: 1}}
		hasher.HashHeaders(hashes, headers)
		fmt.Println(fields, hashes[0] == hashes[1])
	}
	// Output:
	// SrcAddr|DstAddr|Proto|SrcPort|DstPort false
	// SrcAddr|DstAddr true
}
