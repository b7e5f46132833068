package hash

import "encoding/binary"

// openVXLAN reads VXLAN (RFC 7348).
func (t *tunnel) openVXLAN(p []byte, off int) {
	b := p[off:]
	if len(b) < vxlanSize {
		t.fail(off, shortVXLAN)
		return
	}
	const hasVNI = 0x08
	if b[0]&hasVNI == 0 {
		return
	}
	t.at, t.etherType, t.found = off+vxlanSize, etherBridged, true
	t.id, t.hasID = binary.BigEndian.Uint32(b[4:])>>8, true
}

// openGeneve reads Geneve (RFC 8926).
func (t *tunnel) openGeneve(p []byte, off int) {
	b := p[off:]
	if len(b) < geneveSize {
		t.fail(off, shortGeneve)
		return
	}
	if b[0]>>6 != 0 { // version
		return
	}
	size := geneveSize + int(b[0]&0x3f)*4
	if len(b) < size {
		t.fail(off, shortGeneve)
		return
	}
	t.at, t.etherType, t.found = off+size, binary.BigEndian.Uint16(b[2:]), true
	t.id, t.hasID = binary.BigEndian.Uint32(b[4:])>>8, true
}

// openGTPU reads GTP-U version 1 (3GPP TS 29.281), of which only the messages
// that carry a packet of a user are tunnels.
func (t *tunnel) openGTPU(p []byte, off int) {
	b := p[off:]
	if len(b) < gtpuSize {
		t.fail(off, shortGTPU)
		return
	}
	const (
		version1 = 0x30 // and the bit that tells it from GTP'
		extended = 0x04
		// extension, sequence number, N-PDU number: if one is there, room for
		// all three is
		optional   = 0x07
		packetType = 255
	)
	if b[0]&0xf0 != version1 || b[1] != packetType {
		return
	}
	length := gtpuSize + int(binary.BigEndian.Uint16(b[2:]))
	if length > len(b)+t.missing {
		t.fail(off, shortGTPU)
		return
	}
	t.missing = max(length-len(b), 0)
	b = b[:min(length, len(b))]
	size := gtpuSize
	if b[0]&optional != 0 {
		size += 4
		for more := b[0]&extended != 0; ; {
			if size > len(b) {
				t.fail(off, shortGTPU)
				return
			}
			// the type of the next extension
			if !more || b[size-1] == 0 || off+size > maxPayload {
				break
			}
			if size == len(b) {
				t.fail(off, shortGTPU)
				return
			}
			if b[size] == 0 {
				t.fail(off, badGTPU)
				return
			}
			size += int(b[size]) * 4
		}
	}
	t.at, t.end, t.found = off+size, off+len(b), true
	t.id, t.hasID = binary.BigEndian.Uint32(b[4:]), true
	if size == len(b) && t.missing > 0 {
		t.fail(off, shortGTPU)
		return
	}
	if size < len(b) {
		switch b[size] >> 4 {
		case 4:
			t.etherType = etherIPv4
		case 6:
			t.etherType = etherIPv6
		}
	}
}
