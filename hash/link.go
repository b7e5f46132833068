package hash

import "encoding/binary"

const (
	vlanSize    = 4
	labelSize   = 4
	controlWord = 4
	pppoeSize   = 6
	pppSize     = 2

	maxTags   = 8
	maxLabels = 16
	maxWires  = 8

	etherVLAN          = 0x8100
	etherQinQ          = 0x88a8
	etherOldTag        = 0x9100 // QinQ before 802.1ad
	etherMPLS          = 0x8847
	etherMPLSMulticast = 0x8848
	etherPPPoE         = 0x8864

	pppIPv4          = 0x0021
	pppIPv6          = 0x0057
	pppMPLS          = 0x0281
	pppMPLSMulticast = 0x0283

	entropyIndicator = 7 // the label before an entropy label
)

// A link is where the headers below IP lead to.
type link struct {
	// where the IP header starts and what carries it ends; on a fault, where
	// the header at fault starts
	at, end int
	entropy uint32 // label
	version uint8  // of IP; 0 if this is not IP
	mpls    bool   // there was a label
	pppoe   bool   // there was a session
	fault   fault
}

func (l *link) fail(at int, f fault) { l.at, l.fault = at, f }

// found makes l the link of an IP header with nothing before it.
func (l *link) found(at, end int, etherType uint16) {
	l.at, l.end, l.version = at, end, 4
	l.mpls, l.fault = false, 0 // the rest is for Parse, which walks
	if etherType == etherIPv6 {
		l.version = 6
	}
}

// walk follows the headers below IP in p, from the payload at off of a header
// that says it is of type etherType. A tag is taken to start at its EtherType,
// and so two bytes earlier than the payload.
func (l *link) walk(p []byte, etherType uint16, off int) {
	l.end, l.entropy, l.version, l.fault = len(p), 0, 0, 0
	l.mpls, l.pppoe = false, false
	tags, labels, wires := 0, 0, 0
	for {
		switch etherType {
		case etherIPv4:
			l.at, l.version = off, 4
			return
		case etherIPv6:
			l.at, l.version = off, 6
			return
		case etherVLAN, etherQinQ, etherOldTag:
			if tags == maxTags {
				l.fail(off-2, deepVLAN)
				return
			}
			tags++
			if l.end-off < vlanSize {
				l.fail(off-2, shortVLAN)
				return
			}
			etherType = binary.BigEndian.Uint16(p[off+2:])
			off += vlanSize
			continue
		case etherPPPoE:
			l.pppoe = true
			next, end, typ, f := readPPPoE(p[:l.end], off)
			if f != 0 {
				l.fail(off, f)
				return
			}
			off, l.end, etherType = next, end, typ
			continue
		case etherMPLS, etherMPLSMulticast:
		default:
			return
		}

		l.mpls = true
		for bottom := false; !bottom; off += labelSize {
			if labels == maxLabels {
				l.fail(off, deepMPLS)
				return
			}
			labels++
			if l.end-off < labelSize {
				l.fail(off, shortMPLS)
				return
			}
			entry := binary.BigEndian.Uint32(p[off:])
			bottom = entry>>8&1 != 0
			if entry>>12 == entropyIndicator && !bottom && l.end-off >= 2*labelSize {
				l.entropy = binary.BigEndian.Uint32(p[off+labelSize:]) >> 12
			}
		}
		if l.end == off {
			l.fail(off, shortIP)
			return
		}
		switch p[off] >> 4 {
		case 4:
			etherType = etherIPv4
		case 6:
			etherType = etherIPv6
		case 0:
			if wires == maxWires {
				l.fail(off, deepMPLS)
				return
			}
			wires++
			if l.end-off < controlWord {
				l.fail(off, shortPseudowire)
				return
			}
			off += controlWord
			if l.end-off < ethernetSize {
				l.fail(off, shortEthernet)
				return
			}
			etherType = binary.BigEndian.Uint16(p[off+12:])
			off += ethernetSize
		default:
			return
		}
	}
}

// readPPPoE reads the PPPoE header at off, and returns what follows as an
// EtherType, or 0 if it is neither IP nor MPLS.
func readPPPoE(p []byte, off int) (next, end int, etherType uint16, f fault) {
	b := p[off:]
	if len(b) < pppoeSize+pppSize {
		return 0, 0, 0, shortPPPoE
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case b[0] != 0x11 || b[1] != 0 || length < pppSize: // version 1, type 1, data of a session
		return 0, 0, 0, badPPPoE
	case length > len(b)-pppoeSize:
		return 0, 0, 0, shortPPPoE
	}
	switch binary.BigEndian.Uint16(b[pppoeSize:]) {
	case pppIPv4:
		etherType = etherIPv4
	case pppIPv6:
		etherType = etherIPv6
	case pppMPLS, pppMPLSMulticast:
		etherType = etherMPLS
	}
	return off + pppoeSize + pppSize, off + pppoeSize + length, etherType, 0
}
