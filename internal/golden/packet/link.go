package packet

// below is what the headers below IP lead to.
type below struct {
	ip      view
	version int
	entropy uint32
	mpls    bool
	pppoe   bool

	stopsLinux bool // Linux does not look behind some header on the way
}

// ethernet follows the headers below IP from an Ethernet header on.
func ethernet(v view) (below, error) { return (&walk{}).ethernet(v) }

// typed does so from the payload of a header that names an EtherType.
func typed(etherType int, v view) (below, error) { return (&walk{}).typed(etherType, v) }

// A walk counts what it has met.
type walk struct {
	tags, labels, wires int
	found               below
}

func (w *walk) ethernet(v view) (below, error) {
	if v.len() < 14 {
		return below{}, v.fail("Ethernet", "truncated")
	}
	return w.typed(v.u16(12), v.from(14))
}

func (w *walk) typed(etherType int, v view) (below, error) {
	switch etherType {
	case 0x0800:
		return w.ip(v, 4)
	case 0x86dd:
		return w.ip(v, 6)
	case 0x8100, 0x88a8, 0x9100, 0x892f, 0x88fb:
		size := 4
		if etherType == 0x892f || etherType == 0x88fb {
			size = 6
		}
		if etherType == 0x9100 {
			w.found.stopsLinux = true
		}
		w.tags++
		tag := view{offset: v.offset - 2} // it starts at its EtherType
		if w.tags > 8 {
			return below{}, tag.fail("VLAN", "too deep")
		}
		if v.len() < size {
			return below{}, tag.fail("VLAN", "truncated")
		}
		return w.typed(v.u16(size-2), v.from(size))
	case 0x8847, 0x8848:
		return w.mpls(v)
	case 0x8864:
		return w.pppoe(v)
	}
	return below{}, ErrNotIP
}

func (w *walk) ip(v view, version int) (below, error) {
	w.found.ip, w.found.version = v, version
	return w.found, nil
}

func (w *walk) mpls(v view) (below, error) {
	w.found.mpls, w.found.stopsLinux = true, true
	entropyNext := false
	for {
		w.labels++
		if w.labels > 16 {
			return below{}, v.fail("MPLS", "too deep")
		}
		if v.len() < 4 {
			return below{}, v.fail("MPLS", "truncated")
		}
		label, bottom := v.u32(0)/4096, v.u32(0)/256%2 == 1
		if entropyNext {
			w.found.entropy = label
		}
		entropyNext = label == 7 && !bottom
		v = v.from(4)
		if bottom {
			break
		}
	}
	if v.len() == 0 {
		return below{}, v.fail("IP", "truncated")
	}
	switch v.u8(0) / 16 {
	case 4:
		return w.ip(v, 4)
	case 6:
		return w.ip(v, 6)
	case 0:
		w.wires++
		if w.wires > 8 {
			return below{}, v.fail("MPLS", "too deep")
		}
		if v.len() < 4 {
			return below{}, v.fail("pseudo-wire", "truncated")
		}
		return w.ethernet(v.from(4))
	}
	return below{}, ErrNotIP
}

func (w *walk) pppoe(v view) (below, error) {
	if v.len() < 7 {
		return below{}, v.fail("PPPoE", "truncated")
	}
	w.found.pppoe = true
	proto, size := v.u8(6), 1
	if proto%2 == 0 { // else it is compressed
		if v.len() < 8 {
			return below{}, v.fail("PPPoE", "truncated")
		}
		proto, size = v.u16(6), 2
	} else {
		w.found.stopsLinux = true
	}
	version, code, length := v.u8(0), v.u8(1), v.u16(4)
	if version != 0x11 || code != 0 || length < size {
		return below{}, v.fail("PPPoE", "malformed")
	}
	if v.onWire() < 6+length {
		return below{}, v.fail("PPPoE", "truncated")
	}
	v = v.first(6 + length)
	switch proto {
	case 0x0021:
		return w.ip(v.from(6+size), 4)
	case 0x0057:
		return w.ip(v.from(6+size), 6)
	case 0x0281, 0x0283:
		return w.mpls(v.from(6 + size))
	}
	return below{}, ErrNotIP
}
