package hash

import "encoding/binary"

const (
	vlanSize    = 4
	labelSize   = 4
	controlWord = 4
	pppoeSize   = 6
	pppSize     = 2

	redundancySize = 6 // of the tag of HSR and PRP

	maxTags   = 8
	maxLabels = 16
	maxWires  = 8

	etherVLAN          = 0x8100
	etherQinQ          = 0x88a8
	etherOldTag        = 0x9100 // QinQ before 802.1ad
	etherMPLS          = 0x8847
	etherMPLSMulticast = 0x8848
	etherPPPoE         = 0x8864
	etherHSR           = 0x892f // redundant rings (IEC 62439-3)
	etherPRP           = 0x88fb

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
	missing int    // as in a level
	entropy uint32 // label
	version uint8  // of IP; 0 if this is not IP
	mpls    bool   // there was a label
	pppoe   bool   // there was a session

	// stopsLinux says that Linux does not look behind some header on the way.
	stopsLinux bool

	fault fault
}

func (l *link) fail(at int, f fault) { l.at, l.fault = at, f }

// found makes l the link of an IP header with nothing before it.
func (l *link) found(at, end, missing int, etherType uint16) {
	l.at, l.end, l.missing, l.version = at, end, missing, 4
	l.stopsLinux, l.fault = false, 0 // the rest is for Parse, which walks
	if etherType == etherIPv6 {
		l.version = 6
	}
}

// walk follows the headers below IP in p, of which missing bytes are not here,
// from the payload at off of a header that says it is of type etherType. A tag
// is taken to start at its EtherType, and so two bytes earlier than the
// payload.
func (l *link) walk(p []byte, missing int, etherType uint16, off int) {
	l.end, l.missing, l.entropy, l.version, l.fault = len(p), missing, 0, 0, 0
	l.mpls, l.pppoe, l.stopsLinux = false, false, false
	tags, labels, wires := 0, 0, 0
	for {
		switch etherType {
		case etherIPv4:
			l.at, l.version = off, 4
			return
		case etherIPv6:
			l.at, l.version = off, 6
			return
		case etherVLAN, etherQinQ, etherOldTag, etherHSR, etherPRP:
			if tags == maxTags {
				l.fail(off-2, deepVLAN)
				return
			}
			tags++
			size := tagSize(etherType)
			if l.end-off < size {
				l.fail(off-2, shortVLAN)
				return
			}
			l.stopsLinux = l.stopsLinux || etherType == etherOldTag
			off += size
			etherType = binary.BigEndian.Uint16(p[off-2:])
			continue
		case etherPPPoE:
			var f fault
			if off, etherType, f = l.readPPPoE(p, off); f != 0 {
				l.fail(off, f)
				return
			}
			continue
		case etherMPLS, etherMPLSMulticast:
		default:
			return
		}

		l.mpls, l.stopsLinux = true, true
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

// tagSize returns the size of a tag, from behind the EtherType that says that
// it is one to behind the next EtherType.
func tagSize(etherType uint16) int {
	if etherType == etherHSR || etherType == etherPRP {
		return redundancySize
	}
	return vlanSize
}

// readPPPoE reads the PPPoE header at off, and returns where its payload starts
// and its EtherType, which is 0 if it is neither IP nor MPLS. The protocol of
// PPP may be compressed to one byte, which is odd (RFC 1661 section 6.5); Linux
// does not look behind that. On a fault, next is off.
func (l *link) readPPPoE(p []byte, off int) (next int, etherType uint16, f fault) {
	l.pppoe = true
	b := p[off:l.end]
	if len(b) < pppoeSize+1 || len(b) < pppoeSize+pppSize && b[pppoeSize]&1 == 0 {
		return off, 0, shortPPPoE
	}
	proto, size := uint16(b[pppoeSize]), 1
	if proto&1 == 0 {
		proto, size = binary.BigEndian.Uint16(b[pppoeSize:]), pppSize
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case b[0] != 0x11 || b[1] != 0 || length < size: // version 1, type 1, data of a session
		return off, 0, badPPPoE
	case length > len(b)-pppoeSize+l.missing:
		return off, 0, shortPPPoE
	}
	here := min(length, len(b)-pppoeSize)
	l.end, l.missing = off+pppoeSize+here, length-here
	l.stopsLinux = l.stopsLinux || size == 1
	switch proto {
	case pppIPv4:
		etherType = etherIPv4
	case pppIPv6:
		etherType = etherIPv6
	case pppMPLS, pppMPLSMulticast:
		etherType = etherMPLS
	}
	return off + pppoeSize + size, etherType, 0
}
