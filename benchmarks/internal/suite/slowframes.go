package suite

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Slowest is the headers of the slowest frames.
func Slowest() Suite {
	return Suite{
		Name: "Slowest",
		Cases: func(Size) (cases []Case) {
			list := slowFrames()
			for _, name := range slices.Sorted(maps.Keys(list)) {
				cases = append(cases, Case{"frame=" + name, func() (*Work, error) {
					f := slices.Repeat([][]byte{list[name]}, frameCount)
					return &Work{Items: len(f), Pass: parse(f)}, nil
				}})
			}
			return cases
		},
	}
}

// slowFrames are a plain frame and the slowest frames of 1,500 bytes or less that are known, by
// name: those of hash's TestParseLooksAtTheStart, which says what they have in common
// with frames of any size.
func slowFrames() map[string][]byte {
	const size = 1500
	pad := func(b []byte) []byte { return append(b, make([]byte, size-len(b))...) }
	tcp := make([]byte, 24)
	tcp[12] = 5 << 4
	options := make([]byte, 8*8) // eight headers, and IPv6 behind them
	for i := range 8 {
		options[8*i] = 60
	}
	options[56] = 41
	nested := tcp
	for range 9 {
		nested = inIPv6(60, options, nested)
	}
	chain := slices.Repeat([]byte{1, 0, 0, 0x85}, (size-100)/4)
	gtp := slices.Concat([]byte{0x34, 255, 0, 0, 7, 8, 9, 10, 0, 0, 0, 0x85}, chain)
	binary.BigEndian.PutUint16(gtp[2:], uint16(len(gtp)-8))
	udp := append([]byte{0xc3, 0x50, 2152 >> 8, 2152 & 0xff, 0, 0, 0, 0}, gtp...)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	tunnel := inIPv4(17, udp)
	bridged := inIPv4(6, tcp)
	for range 8 {
		tags := append(slices.Repeat([]byte{0, 1, 0x81, 0}, 7), 0, 1, 8, 0)
		bridged = inIPv4(47, []byte{0, 0, 0x65, 0x58}, inEthernet(0x8100, tags, bridged))
	}
	quote := func(typ byte) []byte { return []byte{typ, 0, 0, 0, 0, 0, 5, 0xdc} }
	return map[string][]byte{
		"plain":                  inEthernet(0x0800, inIPv4(6, tcp)),
		"gtpu-extensions":        inEthernet(0x0800, tunnel),
		"quoted-gtpu-extensions": inEthernet(0x0800, inIPv4(1, quote(3), tunnel)),
		"6in6-options":           inEthernet(0x86dd, pad(nested)),
		"quoted-6in6-options":    inEthernet(0x86dd, pad(inIPv6(58, quote(1), nested))),
		"gre-tagged-ethernet":    inEthernet(0x0800, pad(bridged)),
	}
}

func inEthernet(etherType uint16, payload ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, etherType)
	return append(b, slices.Concat(payload...)...)
}

func inIPv4(proto byte, payload ...[]byte) []byte {
	all := slices.Concat(payload...)
	b := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+len(all)))
	b = append(b, 0, 0, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	return append(b, all...)
}

func inIPv6(next byte, payload ...[]byte) []byte {
	all := slices.Concat(payload...)
	b := binary.BigEndian.AppendUint16([]byte{0x60, 1, 0x23, 0x45}, uint16(len(all)))
	b = append(b, next, 64)
	b = append(b, []byte{0x20, 1, 0xd, 0xb8, 15: 1}...)
	b = append(b, []byte{0x20, 1, 0xd, 0xb8, 15: 2}...)
	return append(b, all...)
}
