package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// packet4 and packet6 are a UDP packet of either family.
func packet4() []byte {
	return []byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00" +
		"\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x01\x00\x02\x00\x08\x00\x00")
}

func packet6() []byte {
	return []byte("\x60\x00\x00\x00\x00\x08\x11\x40\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x00\x02\x00\x08\x00\x00")
}

// Every link type becomes an Ethernet frame that parses as its packet does.
func TestLinkTypes(t *testing.T) {
	sll := func(etherType string) string {
		return "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00" + etherType
	}
	sll2 := func(etherType string) string {
		return etherType + "\x00\x00\x00\x00\x00\x02\x00\x01\x04\x06\x02\x00\x00\x00\x00\x01\x00\x00"
	}
	for _, c := range []struct {
		link   uint32
		header string
		v6     bool
	}{
		{0, "\x02\x00\x00\x00", false}, {0, "\x00\x00\x00\x02", false}, {0, "\x1e\x00\x00\x00", true},
		{0, "\x00\x00\x00\x1c", true}, {108, "\x00\x00\x00\x18", true}, {108, "\x00\x00\x00\x02", false},
		{9, "\xff\x03\x00\x21", false}, {9, "\x00\x21", false}, {9, "\x21", false}, {9, "\xff\x03\x57", true},
		{9, "\x00\x57", true}, {50, "\xff\x03\x00\x57", true}, {50, "\x0f\x00\x08\x00", false},
		{51, "\x11\x00\x00\x01\x00\x1e\x00\x21", false}, {104, "\x0f\x00\x86\xdd", true},
		{166, "\x00\x03\x00\x21", false}, {166, "\x01\x03\x00\x57", true}, {204, "\x01\xff\x03\x00\x21", false},
		{204, "\x00\x00\x57", true},
		{113, sll("\x08\x00"), false}, {113, sll("\x86\xdd"), true}, {113, sll("\x81\x00") + "\x00\x07\x08\x00", false},
		{276, sll2("\x08\x00"), false}, {276, sll2("\x86\xdd"), true},
		{276, sll2("\x81\x00") + "\x00\x07\x86\xdd", true},
		{1, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00", false},
		// the length of a check sequence in the upper bits
		{0x24000001, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x86\xdd", true},
	} {
		packet := packet4()
		if c.v6 {
			packet = packet6()
		}
		name := fmt.Sprintf("link type %d behind %x", c.link, c.header)
		var want, got hash.Headers
		require.NoError(t, hash.ParseIP(packet, &want))
		data := append([]byte(c.header), packet...)
		packets, err := read(pcapOf(binary.LittleEndian, 0xa1b2c3d4, c.link, data, data[:len(c.header)], data[:1], nil))
		require.NoError(t, err, name)
		require.Len(t, packets, 4, name)
		require.NoError(t, packets[0].Parse(&got), name)
		assert.Equal(t, want.Outer, got.Outer, name)
		assert.Equal(t, len(packets[0].Frame)+3, packets[0].Length, name)
		for _, short := range packets[1:] {
			require.Error(t, short.Parse(&got), name)
		}
	}
}

// A reader of captures of many links keeps the memory of the caller's buffer.
func TestBufferIsKept(t *testing.T) {
	frame := append([]byte("\x00\x00\x00\x02"), packet4()...)
	r, err := NewReader(bytes.NewReader(pcapOf(binary.BigEndian, 0xa1b2c3d4, 0, frame, frame, frame)))
	require.NoError(t, err)
	buf := make([]byte, 0, 100)
	for range 3 {
		p, err := r.Next(buf)
		require.NoError(t, err)
		assert.Same(t, &buf[:1][0], &p.Frame[0])
	}
	_, err = r.Next(buf)
	require.ErrorIs(t, err, io.EOF)
}

// Before version 2.3 the two lengths of a packet stood the other way round, and
// in 2.3 either way.
func TestVersions(t *testing.T) {
	frame := []byte("an Ethernet frame, say")
	for minor := range byte(6) {
		for _, swapped := range []bool{false, true} {
			data := pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, frame, frame)
			data[6] = minor
			if swapped {
				for _, at := range []int{24, 24 + 16 + len(frame)} {
					captured := binary.LittleEndian.Uint32(data[at+8:])
					binary.LittleEndian.PutUint32(data[at+8:], captured+3)
					binary.LittleEndian.PutUint32(data[at+12:], captured)
				}
			}
			got, err := read(data)
			served := minor < 5 && (minor == 3 || swapped == (minor < 3))
			if !served {
				if err == nil { // the length is then that of the next packet's start
					assert.NotEqual(t, frame, got[0].Frame)
				}
				continue
			}
			require.NoError(t, err, "version 2.%d, swapped %t", minor, swapped)
			require.Len(t, got, 2)
			assert.Equal(t, frame, got[1].Frame)
			assert.Equal(t, len(frame)+3, got[1].Length)
		}
	}
}

// A packet header of the modified format has eight more bytes.
func TestModified(t *testing.T) {
	data := pcapOf(binary.LittleEndian, 0xa1b2cd34, 1)
	for range 2 {
		for _, v := range []uint32{1, 2, 3, 4, 5, 6} {
			data = binary.LittleEndian.AppendUint32(data, v)
		}
		data = append(data, "abc"...)
	}
	got, err := read(data)
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, "abc", string(got[1].Frame))
	assert.Equal(t, 4, got[1].Length)
}

// interfaces reads as blocks of interfaces of a pcapng, of so many bytes.
type interfaces struct{ left int }

func (i *interfaces) Read(b []byte) (int, error) {
	if i.left == 0 {
		return 0, io.EOF
	}
	const blocks = "\x01\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00"
	n := 0
	for i.left > 0 && n+len(blocks) <= len(b) {
		n += copy(b[n:], blocks)
		i.left -= len(blocks)
	}
	return n, nil
}

// A capture of nothing but interfaces takes about as much memory as it is long.
func TestInterfacesTakeLittle(t *testing.T) {
	const size = 8_000_000
	section := "\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00"
	r, err := NewReader(io.MultiReader(bytes.NewReader([]byte(section)), &interfaces{size}))
	require.NoError(t, err)
	_, err = r.Next(nil)
	require.ErrorIs(t, err, io.EOF)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	require.Len(t, r.source.(*pcapng).interfaces, size/20)
	assert.Less(t, m.HeapAlloc, uint64(4*size))
	runtime.KeepAlive(r)
}

// Whole fills up a packet that was captured in part, and leaves one alone whose
// headers are not all there.
func TestWhole(t *testing.T) {
	ethernet := append([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"), packet4()...)
	full := append(bytes.Clone(ethernet), "payload"...)
	full[17] += 7 // length of the IP packet
	full[39] += 7 // of the UDP datagram
	for n := range len(full) + 1 {
		p := Packet{Frame: bytes.Clone(full[:n]), Length: len(full)}
		got := p.Whole(hash.Parser{}, true)
		assert.Equal(t, full[:n], p.Frame)
		if n < len(ethernet) {
			assert.Equal(t, full[:n], got, "a header is missing")
			continue
		}
		assert.Len(t, got, len(full))
		assert.Equal(t, full[:n], got[:n])
		var a, b hash.Headers
		require.NoError(t, hash.Parse(got, &a))
		require.NoError(t, p.Parse(&b))
		assert.Equal(t, a, b)
	}
}

// Where a tunnel is cut inside, the packet is filled up unless the inside
// counts. Other ports of tunnels are those of the parser.
func TestWholeTunnel(t *testing.T) {
	full := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" +
		"\x45\x00\x00\x4e\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x03\x0a\x00\x00\x04" +
		"\x30\x39\x12\xb5\x00\x3a\x00\x00\x08\x00\x00\x00\x00\x00\x07\x00" +
		"\x02\x00\x00\x00\x00\x03\x02\x00\x00\x00\x00\x04\x08\x00")
	full = append(full, packet4()...)
	var h hash.Headers
	require.NoError(t, hash.Parse(full, &h))
	require.EqualValues(t, 1, h.Tunnels)
	ports, err := hash.NewTunnelPorts(map[uint16]hash.Layer{4790: hash.LayerVXLAN})
	require.NoError(t, err)
	for n := 14 + 20 + 8; n < len(full); n++ {
		for _, c := range []struct {
			parser hash.Parser
			inner  bool
			want   int
		}{
			{hash.Parser{}, false, len(full)}, {hash.Parser{}, true, n}, {hash.Parser{Ports: ports}, true, len(full)},
		} {
			p := Packet{Frame: bytes.Clone(full[:n]), Length: len(full)}
			assert.Len(t, p.Whole(c.parser, c.inner), c.want, "%d bytes, %+v", n, c)
		}
	}
}
