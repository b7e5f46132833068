package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/ecmp-go/ecmp/hash"
)

// A flow is what a gateway needs to know of a flow's packets.
type flow struct {
	hash  uint64
	proto uint8
}

// policy is how all gateways hash packets.
func policy() hash.Policy {
	key := []byte(secret)
	return hash.Policy{Hasher: hash.Sip{K0: binary.LittleEndian.Uint64(key), K1: binary.LittleEndian.Uint64(key[8:])}}
}

// secret is the gateways' seed. One that nobody reads would be drawn at random.
const secret = "for this example"

// readFlows returns the TCP and UDP flows of a capture, in the order in which
// they begin. It reads pcap files of Ethernet frames, little-endian.
func readFlows(name string, most int) ([]flow, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w (run it at the root of the repository, or name a capture by -capture)", err)
	}
	const header, record = 24, 16
	if len(data) < header || binary.LittleEndian.Uint32(data)&^0x00ff0000 != 0xa100c34d &&
		binary.LittleEndian.Uint32(data) != 0xa1b2c3d4 && binary.LittleEndian.Uint32(data) != 0xa1b23c4d {
		return nil, errors.New(name + " is no pcap file in little-endian order")
	}
	var frames [][]byte
	for rest := data[header:]; len(rest) >= record; {
		n := int(binary.LittleEndian.Uint32(rest[8:]))
		if n < 0 || n > len(rest)-record {
			break // cut short
		}
		frames = append(frames, rest[record:record+n])
		rest = rest[record+n:]
	}
	read := make([]hash.Flow, len(frames))
	reader := policy().Reader()
	reader.Read(read, frames)
	seen := map[uint64]bool{}
	var flows []flow
	for _, f := range read {
		if (f.Proto == hash.TCP || f.Proto == hash.UDP) && !seen[f.Hash] && len(flows) < most {
			seen[f.Hash] = true
			flows = append(flows, flow{f.Hash, f.Proto})
		}
	}
	return flows, nil
}
