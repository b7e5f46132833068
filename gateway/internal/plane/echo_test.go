package plane

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// ping4 and ping6 are pings with a right checksum.
func ping4(change func(ip []byte)) []byte {
	return udp4(func(ip []byte) {
		ip[9] = protocolICMP4
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		message := ip[ipv4Size:]
		message[0], message[7], message[50] = request4, 9, 0xab
		change(ip)
		binary.BigEndian.PutUint16(message[2:], checksum(0, message))
	})
}

func ping6(change func(ip []byte)) []byte {
	return udp6(func(ip []byte) {
		ip[6] = protocolICMP6
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ipv6Size))
		message := ip[ipv6Size:]
		message[0], message[7], message[50] = request6, 9, 0xab
		change(ip)
		binary.BigEndian.PutUint16(message[2:], checksum(add(uint64(len(message))+58, ip[8:40]), message))
	})
}

func TestIsPing(t *testing.T) {
	none := func([]byte) {}
	tagged := func(f []byte) []byte { return slices.Concat(f[:12], []byte{0x81, 0, 0, 5}, f[12:]) }
	for _, test := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"ping", ping4(none), true},
		{"tagged", tagged(ping4(none)), true},
		{"another protocol", udp4(none), false},
		{"reply", ping4(func(ip []byte) { ip[20] = reply4 }), false},
		{"another code", ping4(func(ip []byte) { ip[21] = 1 }), false},
		{"first fragment", ping4(func(ip []byte) { ip[6] = 0x20 }), false},
		{"later fragment", ping4(func(ip []byte) { ip[7] = 1 }), false},
		{"options", ping4(func(ip []byte) { ip[0]++ }), false},
		{"from nobody", ping4(func(ip []byte) { clear(ip[12:16]) }), false},
		{"from a group", ping4(func(ip []byte) { ip[12] = 224 }), false},
		{"short", ping4(none)[:ethernetSize+ipv4Size+7], false},
		{"shorter than it says", ping4(none)[:ethernetSize+ipv4Size+8], false},
		{"says less than a header", ping4(func(ip []byte) { ip[2], ip[3] = 0, ipv4Size-1 }), false},
		{"says less than a message", ping4(func(ip []byte) { ip[2], ip[3] = 0, ipv4Size+icmpHeaderSize-1 }), false},
		{"says as much as a message", ping4(func(ip []byte) { ip[2], ip[3] = 0, ipv4Size+icmpHeaderSize }), true},
		{"out of time", ping4(func(ip []byte) { ip[8] = 1 }), true},
		{"ping 6", ping6(none), true},
		{"tagged 6", tagged(ping6(none)), true},
		{"another protocol 6", udp6(none), false},
		{"reply 6", ping6(func(ip []byte) { ip[40] = reply6 }), false},
		{"solicitation", ping6(func(ip []byte) { ip[40] = 135 }), false},
		{"fragment 6", ping6(func(ip []byte) { ip[6] = 44 }), false},
		{"from nobody 6", ping6(func(ip []byte) { clear(ip[8:24]) }), false},
		{"from a group 6", ping6(func(ip []byte) { ip[8] = 0xff }), false},
		{"short 6", ping6(none)[:ethernetSize+ipv6Size+7], false},
		{"shorter than it says 6", ping6(none)[:ethernetSize+ipv6Size+8], false},
		{"says less than a message 6", ping6(func(ip []byte) { ip[4], ip[5] = 0, icmpHeaderSize-1 }), false},
		{"says as much as a message 6", ping6(func(ip []byte) { ip[4], ip[5] = 0, icmpHeaderSize }), true},
		{"another version 6", ping6(func(ip []byte) { ip[0] = 0x40 }), false},
		{"no IP", make([]byte, 60), false},
		{"nothing", nil, false},
	} {
		assert.Equal(t, test.want, isPing(test.frame), test.name)
	}
}

// A reply has right checksums, and goes back as it came, its content with it.
func TestAnswerPing(t *testing.T) {
	for _, frame := range [][]byte{
		ping4(func(ip []byte) { ip[12], ip[16] = 10, 172 }), ping6(func(ip []byte) { ip[9] = 1 }),
	} {
		copy(frame, "DSTMACSRCMAC")
		asked := slices.Clone(frame)
		answerPing(frame)
		assert.Equal(t, "SRCMACDSTMAC", string(frame[:12]))
		ip, was := frame[ethernetSize:], asked[ethernetSize:]
		if ip[0]>>4 == 6 {
			assert.Equal(t, slices.Concat(was[24:40], was[8:24]), ip[8:40])
			message := ip[ipv6Size:]
			assert.Equal(t, []byte{reply6, 0}, message[:2])
			assert.Equal(t, was[ipv6Size+4:], message[4:])
			assert.Zero(t, checksum(add(uint64(len(message))+58, ip[8:40]), message))
			continue
		}
		assert.Equal(t, slices.Concat(was[16:20], was[12:16]), ip[12:20])
		assert.EqualValues(t, icmpTTL, ip[8])
		assert.Zero(t, checksum(0, ip[:ipv4Size]))
		message := ip[ipv4Size:]
		assert.Equal(t, []byte{reply4, 0}, message[:2])
		assert.Equal(t, was[ipv4Size+4:], message[4:])
		assert.Zero(t, checksum(0, message))
	}
}
