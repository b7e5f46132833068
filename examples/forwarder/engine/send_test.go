package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// checksum is RFC 1071's, the slow way.
func checksum(header []byte) uint16 {
	sum := 0
	for i := 0; i < len(header); i += 2 {
		sum += int(binary.BigEndian.Uint16(header[i:]))
		if sum > 0xffff {
			sum -= 0xffff
		}
	}
	return uint16(0xffff - sum)
}

// After every rewrite of a header with a right checksum, the checksum is the
// one that a sender would compute.
func TestChecksumFollowsTTL(t *testing.T) {
	racecheck.OneGoroutine(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		frame := make([]byte, 14+20)
		ip := frame[14:]
		for i := range ip {
			ip[i] = byte(rnd.Uint32())
		}
		ip[0] = 0x45
		if rnd.IntN(4) == 0 {
			// near the ends of the number range, where ones' complement has two
			// zeros
			clear(ip[12:])
		}
		for ttl := 1; ttl < 256; ttl++ {
			ip[8], ip[10], ip[11] = byte(ttl), 0, 0
			binary.BigEndian.PutUint16(ip[10:], checksum(ip))
			rewrite(frame, &hash.Flow{L3: 14}, &Adjacency{})
			got := binary.BigEndian.Uint16(ip[10:])
			require.EqualValues(t, ttl-1, ip[8])
			ip[10], ip[11] = 0, 0
			require.Equal(t, checksum(ip), got, "% x", ip)
		}
	}
}

// A wrong checksum is as wrong afterwards, for the receiver to see.
func TestWrongChecksumStaysWrong(t *testing.T) {
	for _, off := range []uint16{1, 0x100, 0x8000} {
		frame := make([]byte, 34)
		ip := frame[14:]
		ip[0], ip[8], ip[9] = 0x45, 64, 6
		binary.BigEndian.PutUint16(ip[10:], checksum(ip)+off)
		rewrite(frame, &hash.Flow{L3: 14}, &Adjacency{})
		got := binary.BigEndian.Uint16(ip[10:])
		ip[10], ip[11] = 0, 0
		require.NotEqual(t, checksum(ip), got)
	}
}
