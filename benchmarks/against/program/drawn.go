package program

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// captured returns the frames of all captures in a folder: pcap files of
// little-endian machines.
func captured(folder string) (frames [][]byte, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.pcap"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(errors.New("no captures in "+folder), err)
	}
	const header, record = 24, 16
	for _, name := range files {
		b, err := os.ReadFile(name) //nolint:gosec // of the repository
		if err != nil {
			return nil, err
		}
		if len(b) < header || b[3] != 0xa1 || b[2] != 0xb2 {
			return nil, errors.New(name + " is no such capture")
		}
		for b = b[header:]; len(b) >= record; {
			end := min(len(b), record+int(binary.LittleEndian.Uint32(b[8:])))
			frames = append(frames, slices.Clone(b[record:end]))
			b = b[end:]
		}
	}
	return frames, nil
}

// drawn returns frames that captures are short of, made of captured ones:
// tagged, labelled, cut short, changed at random, in fragments, with new TCP
// flags, as cited by ICMP errors, and with no time left to live.
func drawn(captured [][]byte) (frames [][]byte) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i, f := range captured {
		g := slices.Clone(f)
		switch i % 9 {
		case 0:
			g = slices.Insert(g, 12, 0x81, 0, 0, byte(i))
		case 1:
			g = slices.Insert(g, 12, 0x88, 0xa8, 0, 1, 0x81, 0, 0, byte(i))
		case 2:
			g = slices.Replace(g, 12, 14, 0x88, 0x47, 0, 1, 1, 64)
		case 3:
			g = g[:rng.IntN(len(g))]
		case 4:
			for range 1 + rng.IntN(3) {
				g[12+rng.IntN(min(len(g)-12, 60))] ^= 1 << rng.IntN(8)
			}
		case 5:
			if at := flagsAt(g); at > 0 {
				g[at] = byte(rng.IntN(64))
			}
		case 6:
			frames = append(frames, fragments(g, uint32(i))...)
			continue
		case 7:
			g = cited(g)
		case 8:
			if isIPv4(g) {
				g[etherSize+8] = byte(rng.IntN(3))
			}
		}
		frames = append(frames, g)
	}
	return frames
}

func isIPv4(f []byte) bool { return len(f) >= 34 && f[12] == 8 && f[13] == 0 && f[14] == 0x45 }

// flagsAt returns where the TCP flags of a plain frame are, 0 if it has none.
func flagsAt(f []byte) int {
	switch {
	case isIPv4(f) && len(f) >= 54 && f[23] == 6:
		return 47
	case len(f) >= 74 && f[12] == 0x86 && f[13] == 0xdd && f[20] == 6:
		return 67
	}
	return 0
}

// fragments cuts a plain IPv4 frame, made longer, into three, in an order drawn
// from the ID.
func fragments(f []byte, id uint32) [][]byte {
	if !isIPv4(f) {
		return [][]byte{f}
	}
	const size = 24
	payload := append(slices.Clone(f[34:]), make([]byte, 3*size)...)[:3*size]
	list := make([][]byte, 3)
	for i := range list {
		g := append(slices.Clone(f[:34]), payload[i*size:][:size]...)
		binary.BigEndian.PutUint16(g[16:], 20+size)
		binary.BigEndian.PutUint16(g[18:], uint16(id))
		binary.BigEndian.PutUint16(g[20:], uint16(i*size/8)|map[bool]uint16{true: 1 << 13}[i < 2])
		list[i] = g
	}
	if id%4 == 0 {
		list[0], list[2] = list[2], list[0]
	}
	return list
}

// cited returns an error about the answer to a plain IPv4 frame: a router on
// the way says that it is too big.
func cited(f []byte) []byte {
	if !isIPv4(f) || len(f) < 42 {
		return f
	}
	answer := slices.Clone(f[14:42])
	copy(answer[12:], f[30:34])
	copy(answer[16:], f[26:30])
	copy(answer[20:], f[36:38])
	copy(answer[22:], f[34:36])
	g := append(slices.Clone(f[:34]), 3, 4, 0, 0, 0, 0, 5, 0)
	g = append(g, answer...)
	binary.BigEndian.PutUint16(g[16:], uint16(len(g)-etherSize))
	g[20], g[21], g[23] = 0, 0, 1
	copy(g[26:], []byte{203, 0, 113, 1})
	return g
}
