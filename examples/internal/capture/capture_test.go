package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read reads a capture to its end, or to the first error.
func read(data []byte) (packets []Packet, err error) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for {
		p, err := r.Next(nil)
		if err != nil {
			if _, again := r.Next(nil); !errors.Is(again, err) {
				return nil, errors.New("the error that ends a capture is not repeated")
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return packets, err
		}
		packets = append(packets, p)
	}
}

// pcapOf returns a capture with one packet for each frame, a second apart. Each
// time has seven units of the resolution.
func pcapOf(order binary.AppendByteOrder, magic, link uint32, frames ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, 65535, link} {
		b = order.AppendUint32(b, v)
	}
	for i, f := range frames {
		for _, v := range []uint32{1000 + uint32(i), 7, uint32(len(f)), uint32(len(f)) + 3} {
			b = order.AppendUint32(b, v)
		}
		b = append(b, f...)
	}
	return b
}

func TestEveryByteOrderAndResolution(t *testing.T) {
	frame := []byte("an Ethernet frame, say")
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for magic, unit := range map[uint32]time.Duration{0xa1b2c3d4: time.Microsecond, 0xa1b23c4d: time.Nanosecond} {
			got, err := read(pcapOf(order, magic, 1, frame, frame[:3], nil))
			require.NoError(t, err)
			require.Len(t, got, 3)
			assert.Equal(t, frame, got[0].Frame)
			assert.Equal(t, len(frame)+3, got[0].Length, "the length on the wire is kept")
			assert.Equal(t, time.Unix(1001, 0).Add(7*unit).UTC(), got[1].Time)
			assert.Empty(t, got[2].Frame)
		}
	}
}

func TestRawIPGetsAnEthernetHeader(t *testing.T) {
	for _, link := range []uint32{12, 14, 101, 228, 229} {
		got, err := read(pcapOf(binary.LittleEndian, 0xa1b2c3d4, link, []byte("\x45four"), []byte("\x60six"),
			[]byte("\x10x"), nil))
		require.NoError(t, err)
		for i, want := range []string{"\x08\x00\x45four", "\x86\xdd\x60six", "\x00\x00\x10x", "\x00\x00"} {
			assert.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+want, string(got[i].Frame))
			assert.Equal(t, len(got[i].Frame)+3, got[i].Length)
		}
	}
}

func TestForeign(t *testing.T) {
	wireless := pcapOf(binary.BigEndian, 0xa1b2c3d4, 127, []byte("radiotap"))
	version := pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1)
	version[4] = 3
	for name, c := range map[string]struct {
		data []byte
		want error
		text string
	}{
		"empty": {nil, ErrForeign, "header, before packet 1: not a pcap or pcapng capture: it begins with []"},
		"text": {[]byte("hello"), ErrForeign,
			"header, before packet 1: not a pcap or pcapng capture: it begins with [68 65 6c 6c]"},
		"part of magic": {[]byte("\xa1\xb2\xc3"), ErrForeign,
			"header, before packet 1: not a pcap or pcapng capture: it begins with [a1 b2 c3]"},
		"separator": {[]byte("\xb2\xc3\xd4 "), ErrForeign,
			"header, before packet 1: not a pcap or pcapng capture: it begins with [b2 c3 d4 20]"},
		"part of header": {wireless[:23], ErrTruncated,
			"header, before packet 1: the capture ends in the middle of it"},
		"compressed": {[]byte("\x1f\x8b\x08\x00"), ErrForeign,
			"header, before packet 1: not a pcap or pcapng capture: it begins with [1f 8b 08 00], as gzip does: " +
				"decompress it by gzip -dc FILE, and read the standard input"},
		"wireless": {wireless, ErrLinkType,
			"header, before packet 1: a link type that is not served: 127 (802.11 with radiotap)"},
		"version": {version, ErrDamaged,
			"header, before packet 1: the capture is damaged here: version 3.4"},
	} {
		_, err := read(c.data)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.ErrorIs(t, err, c.want, name)
		assert.Equal(t, c.text, err.Error(), name)
	}
}

func TestDamaged(t *testing.T) {
	frame := []byte("an Ethernet frame, say")
	for name, damage := range map[string]func(record []byte){
		"too long for us":    func(b []byte) { binary.LittleEndian.PutUint32(b[8:], 1<<30) },
		"negative as an int": func(b []byte) { binary.LittleEndian.PutUint32(b[8:], 1<<31) },
	} {
		data := pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, frame, frame, frame)
		damage(data[24+16+len(frame):])
		got, err := read(data)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.ErrorIs(t, err, ErrDamaged, name)
		assert.Equal(t, 2, e.Packet, name)
		assert.Len(t, got, 1, "what stands before the damage is read: %s", name)
	}
}

// A capture that ends early gives the packets that are whole, and an error that
// names the first that is not.
func TestTruncated(t *testing.T) {
	frames := [][]byte{[]byte("one"), []byte("number two"), nil, []byte("the fourth")}
	whole := pcapOf(binary.LittleEndian, 0xa1b23c4d, 1, frames...)
	ends := map[int]int{24: 0} // offset of the end of a packet: packets up to there
	for i, end := 0, 24; i < len(frames); i++ {
		end += 16 + len(frames[i])
		ends[end] = i + 1
	}
	complete := 0
	for n := 24; n <= len(whole); n++ {
		count, atEnd := ends[n]
		if atEnd {
			complete = count
		}
		got, err := read(whole[:n])
		assert.Len(t, got, complete, n)
		if atEnd {
			require.NoError(t, err, n)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, n)
		require.ErrorIs(t, err, ErrTruncated, n)
		assert.Equal(t, complete+1, e.Packet, n)
	}
}

// nextGeneration returns a pcapng with an Ethernet and a wireless interface. The
// packet of index wirelessAt is of the latter.
func nextGeneration(t *testing.T, frames int, wirelessAt int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	require.NoError(t, err)
	wireless, err := w.AddInterface(pcapgo.NgInterface{Name: "wlan0", LinkType: 127, TimestampResolution: 9})
	require.NoError(t, err)
	for i := range frames {
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(5, int64(i)).UTC(), CaptureLength: 20, Length: 60}
		if i == wirelessAt {
			ci.InterfaceIndex = wireless
		}
		require.NoError(t, w.WritePacket(ci, bytes.Repeat([]byte{byte(i)}, 20)))
	}
	require.NoError(t, w.Flush())
	return b.Bytes()
}

func TestNextGeneration(t *testing.T) {
	data := nextGeneration(t, 5, -1)
	got, err := read(data)
	require.NoError(t, err)
	require.Len(t, got, 5)
	assert.Equal(t, Packet{time.Unix(5, 3).UTC(), bytes.Repeat([]byte{3}, 20), 60}, got[3])
	for n := range data {
		part, err := read(data[:n])
		require.LessOrEqual(t, len(part), 5)
		var e *Error
		if err != nil {
			require.ErrorAs(t, err, &e)
		}
		if len(part) > 0 && err != nil {
			assert.Equal(t, len(part)+1, e.Packet)
		}
	}

	// What is not served is skipped and counted.
	r, err := NewReader(bytes.NewReader(nextGeneration(t, 5, 3)))
	require.NoError(t, err)
	var numbers []int
	for {
		if _, err := r.Next(nil); err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		numbers = append(numbers, r.Number())
	}
	assert.Equal(t, []int{1, 2, 3, 5}, numbers)
	assert.Equal(t, map[LinkType]int{127: 1}, r.Skipped())
}

func TestWrittenIsRead(t *testing.T) {
	data, err := os.ReadFile("../../forwarder/testdata/vip.pcap")
	require.NoError(t, err)
	packets, err := read(data)
	require.NoError(t, err)
	var b closer
	w, err := NewWriter(&b)
	require.NoError(t, err)
	for _, p := range packets {
		require.NoError(t, w.Write(p))
	}
	require.NoError(t, w.Close())
	assert.True(t, b.closed)
	again, err := read(b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, packets, again)
}

type closer struct {
	bytes.Buffer
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

// Reading any bytes ends with io.EOF or an *Error, and the packets that were
// read can be written.
func FuzzReader(f *testing.F) {
	f.Add(pcapOf(binary.BigEndian, 0xa1b2c3d4, 1, []byte("one"), nil))
	f.Add(pcapOf(binary.LittleEndian, 0xa1b23c4d, 101, []byte("\x45four")))
	f.Add([]byte("\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		packets, err := read(data)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
		}
		w, err := NewWriter(&closer{})
		require.NoError(t, err)
		for _, p := range packets {
			require.NoError(t, w.Write(p))
		}
	})
}

// A simple packet block has no time, so it gets the time of the packet before
// it, and so does a packet of a time that does not fit into a pcap.
func TestTimes(t *testing.T) {
	for year, served := range map[int]bool{1970: true, 2105: true, 2107: false, 2200: false} {
		var b bytes.Buffer
		w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
		require.NoError(t, err)
		at := time.Date(year, 2, 1, 0, 0, 0, 0, time.UTC)
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: 1, Length: 1}, []byte{1}))
		require.NoError(t, w.Flush())
		// type, length, length of the packet, packet, length
		simple := []uint32{3, 20, 4, 0x04030201, 20}
		data := b.Bytes()
		for _, v := range simple {
			data = binary.LittleEndian.AppendUint32(data, v)
		}
		got, err := read(data)
		require.NoError(t, err, year)
		if !served {
			at = time.Unix(0, 0).UTC()
		}
		assert.Equal(t, []Packet{{at, []byte{1}, 1}, {at, []byte{1, 2, 3, 4}, 4}}, got)
	}
}
