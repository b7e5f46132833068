package packet

import "errors"

// An opened tunnel is what a header that encapsulates leads to.
type opened struct {
	start   int // where the payload starts, or the header, if that is bad
	id      *uint32
	linux   bool // a kind that Linux enters
	payload func() (below, error)
	err     error // of the header itself
}

// Ports are the UDP ports of tunnels, by their layer's name. Nil stands for the
// usual ones.
type Ports map[uint16]string

func (p Ports) kind(port uint16) string {
	if p == nil {
		p = Ports{2152: "GTP-U", 4754: "GRE", 4789: "VXLAN", 6081: "Geneve", 6635: "MPLS", 8472: "VXLAN"}
	}
	return p[port]
}

// carry reports whether packets of a flow are those of a tunnel.
func (p Ports) carry(f Flow) bool {
	switch f.Proto {
	case 4, 41, 47:
		return true
	}
	return f.Proto == 17 && p.kind(f.DstPort) != ""
}

// followTunnels finds the innermost level.
func (p *Packet) followTunnels() {
	seen := p.Outer.linux // the flow where Linux is
	there := p.Outer.stopped == nil
	entered := false
	label := seen.Label
	for !p.Inner.First && !p.Inner.Later {
		t := open(p.Inner)
		if t == nil {
			break
		}
		if p.Tunnels == 8 || t.start > 1024 {
			p.InnerErr = view{offset: p.Inner.L4}.fail("tunnel", "too deep")
			break
		}
		if t.err != nil {
			p.InnerErr = t.err
			break
		}
		if t.id != nil {
			p.TunnelID = *t.id
		}
		below, err := t.payload()
		there = there && t.linux
		var failure Failure
		if errors.As(err, &failure) && failure.Layer == "Ethernet" && failure.Offset == t.start {
			there = false
		}
		entered = entered || there
		if err != nil {
			if !errors.Is(err, ErrNotIP) {
				p.InnerErr = err
			}
			break
		}
		inner, err := level(below.ip, below.version, p.Inner.ports)
		if err != nil {
			p.InnerErr = err
			break
		}
		p.Inner = inner
		p.Tunnels++
		there = there && !below.stopsLinux
		if there {
			if inner.Flow.Label != 0 {
				label = inner.Flow.Label
			}
			seen = inner.linux
			if seen.IPv6 {
				seen.Label = label // the last one that was not zero
			}
			there = inner.stopped == nil
		}
	}
	if p.Inner.unsure {
		p.InnerErr = view{offset: p.Inner.L4}.fail("ICMP", "truncated")
	}
	if entered {
		p.Linux.Inner = &seen
	}
}

// open opens the tunnel behind a level; nil if there is none.
func open(l Level) *opened {
	v := l.payload
	ip := func(version int) func() (below, error) {
		return func() (below, error) { return below{ip: v, version: version}, nil }
	}
	switch l.Flow.Proto {
	case 4:
		return &opened{start: v.offset, linux: true, payload: ip(4)}
	case 41:
		return &opened{start: v.offset, linux: true, payload: ip(6)}
	case 47:
		return gre(v)
	case 17:
		if v.len() < 8 {
			return nil
		}
		v = v.from(8)
		switch l.ports.kind(l.Flow.DstPort) {
		case "VXLAN":
			return vxlan(v)
		case "Geneve":
			return geneve(v)
		case "GTP-U":
			return gtpu(v)
		case "MPLS":
			return &opened{start: v.offset, payload: func() (below, error) { return typed(0x8847, v) }}
		case "GRE":
			t := gre(v)
			if t != nil {
				t.linux = false
			}
			return t
		}
	}
	return nil
}

// bridged returns how to read a payload that may be Ethernet.
func bridged(etherType int, v view) func() (below, error) {
	return func() (below, error) {
		if etherType == 0x6558 {
			return ethernet(v)
		}
		return typed(etherType, v)
	}
}

func bad(v view, layer, reason string) *opened {
	return &opened{start: v.offset, err: v.fail(layer, reason)}
}

func gre(v view) *opened {
	if v.len() < 4 {
		return bad(v, "GRE", "truncated")
	}
	flags, etherType := v.u16(0), v.u16(2)
	version := flags % 8
	hasKey := flags&0x2000 != 0
	switch {
	case flags&0x4000 != 0, version > 1, version == 1 && (etherType != 0x880b || !hasKey):
		return nil
	}
	size := 4
	if flags&0x8000 != 0 { // checksum
		size += 4
	}
	keyAt := size
	if hasKey {
		size += 4
	}
	if flags&0x1000 != 0 { // sequence number
		size += 4
	}
	if version == 1 && flags&0x0080 != 0 { // acknowledgement
		size += 4
	}
	if v.len() < size {
		return bad(v, "GRE", "truncated")
	}
	payload := v.from(size)
	t := &opened{start: payload.offset, linux: true, payload: bridged(etherType, payload)}
	if hasKey {
		key := v.u32(keyAt)
		t.id = &key
	}
	if version == 1 {
		*t.id %= 1 << 16
		if payload.len() < 4 && payload.cut() {
			return bad(v, "GRE", "truncated")
		}
		t.start += 4
		t.linux = payload.len() >= 4
		t.payload = func() (below, error) {
			if payload.len() >= 4 {
				switch payload.u16(2) {
				case 0x0021:
					return below{ip: payload.from(4), version: 4}, nil
				case 0x0057:
					return below{ip: payload.from(4), version: 6}, nil
				}
			}
			return below{}, ErrNotIP
		}
	}
	return t
}

func vxlan(v view) *opened {
	if v.len() < 8 {
		return bad(v, "VXLAN", "truncated")
	}
	if v.u8(0)&8 == 0 {
		return nil
	}
	vni := v.u32(4) / 256
	return &opened{start: v.offset + 8, id: &vni, payload: bridged(0x6558, v.from(8))}
}

func geneve(v view) *opened {
	if v.len() < 8 {
		return bad(v, "Geneve", "truncated")
	}
	if v.u8(0)/64 != 0 {
		return nil
	}
	size := 8 + 4*(v.u8(0)%64)
	if v.len() < size {
		return bad(v, "Geneve", "truncated")
	}
	vni := v.u32(4) / 256
	return &opened{start: v.offset + size, id: &vni, payload: bridged(v.u16(2), v.from(size))}
}

func gtpu(v view) *opened {
	if v.len() < 8 {
		return bad(v, "GTP-U", "truncated")
	}
	if v.u8(0)/16 != 3 || v.u8(1) != 255 {
		return nil
	}
	teid := v.u32(4)
	if v.onWire() < 8+v.u16(2) {
		return bad(v, "GTP-U", "truncated")
	}
	whole := v.first(8 + v.u16(2))
	rest := whole.from(8)
	if v.u8(0)%8 != 0 { // sequence number, N-PDU number and type of the first extension
		if rest.len() < 4 {
			return bad(v, "GTP-U", "truncated")
		}
		next := rest.u8(3)
		if v.u8(0)&4 == 0 {
			next = 0
		}
		rest = rest.from(4)
		for next != 0 && rest.offset <= 1024 {
			if rest.len() < 1 {
				return bad(v, "GTP-U", "truncated")
			}
			size := 4 * rest.u8(0)
			if size == 0 {
				return bad(v, "GTP-U", "malformed")
			}
			if rest.len() < size {
				return bad(v, "GTP-U", "truncated")
			}
			next = rest.u8(size - 1)
			rest = rest.from(size)
		}
	}
	if rest.len() == 0 && rest.cut() {
		return bad(v, "GTP-U", "truncated")
	}
	return &opened{start: rest.offset, id: &teid, payload: func() (below, error) {
		if rest.len() > 0 {
			switch rest.u8(0) / 16 {
			case 4, 6:
				return below{ip: rest, version: rest.u8(0) / 16}, nil
			}
		}
		return below{}, ErrNotIP
	}}
}
