package packet

// message completes p by the ICMP message in v.
func message(p *Level, v view) error {
	found := true
	switch {
	case isEcho(p.Flow, v):
		p.EchoID = echo(p.Flow, v)
		p.DeepEcho = p.EchoID
		found = v.len() >= 6
	case isError(p.Flow, v) && !v.quoted:
		p.Cited = cited(p, v)
		found = p.Cited != nil
	}
	if !found && v.cut() {
		return v.fail("ICMP", "truncated")
	}
	return nil
}

// echo returns the identifier of the echo in v, which is of flow f; 0 if it is
// none.
func echo(f Flow, v view) uint16 {
	if !isEcho(f, v) || v.len() < 6 {
		return 0
	}
	return uint16(v.u16(4))
}

func isEcho(f Flow, v view) bool {
	switch {
	case v.len() == 0:
		return false
	case f.Proto == 1 && !f.IPv6:
		return v.u8(0) == 0 || v.u8(0) == 8
	case f.Proto == 58 && f.IPv6:
		return v.u8(0) == 128 || v.u8(0) == 129
	}
	return false
}

func isError(f Flow, v view) bool {
	switch {
	case v.len() == 0:
		return false
	case f.Proto == 1 && !f.IPv6:
		switch v.u8(0) {
		case 3, 4, 5, 11, 12:
			return true
		}
	case f.Proto == 58 && f.IPv6:
		switch v.u8(0) {
		case 1, 2, 3, 4:
			return true
		}
	}
	return false
}

// cited returns the flow that an ICMP error is about, in the direction of the
// error's receiver; nil if the message in v is no error or cites nothing of
// use. If that flow is an echo, p gets its identifier.
func cited(p *Level, v view) *Flow {
	switch {
	case !isError(p.Flow, v):
		return nil
	case p.Flow.IPv6:
		return cited6(p, v)
	}
	return cited4(p, v)
}

func cited4(p *Level, v view) *Flow {
	if v.len() < 8+20 {
		return nil
	}
	v = v.from(8)
	header := v.u8(0) % 16 * 4
	if v.u8(0)/16 != 4 || header < 20 || v.len() < header {
		return nil
	}
	f := citedPorts(p, flow4(v), v.from(header), v.u16(6)%8192 > 0)
	p.citeDeepest(f, v, 4)
	return f
}

func cited6(p *Level, v view) *Flow {
	if v.len() < 8+40 {
		return nil
	}
	v = v.from(8)
	if v.u8(0)/16 != 6 {
		return nil
	}
	f := flow6(v)
	quote := v
	quote.missing = 1 << 16
	up, err := upper(quote.from(40), v.u8(6))
	if err != nil {
		return nil
	}
	later := up.later
	if up.first { // look further: the ports are there
		up, err = upper(up.v, up.proto)
		if err != nil || up.first || up.later {
			return nil
		}
	}
	f.Proto = uint8(up.proto)
	up.v.missing = v.missing
	reversed := citedPorts(p, f, up.v, later)
	p.citeDeepest(reversed, v, 6)
	return reversed
}

func citedPorts(p *Level, f Flow, v view, later bool) *Flow {
	switch f.Proto {
	case 6, 17, 33, 132, 136:
		if later {
			break
		}
		if v.len() < 4 {
			return nil
		}
		f.SrcPort, f.DstPort = uint16(v.u16(0)), uint16(v.u16(2))
	default:
		isICMP := f.Proto == 1 && !f.IPv6 || f.Proto == 58 && f.IPv6
		if later || !isICMP {
			break
		}
		if v.cut() && (v.len() == 0 || isEcho(f, v) && v.len() < 6) {
			return nil
		}
		p.EchoID = echo(f, v)
	}
	f = f.Reverse()
	return &f
}

// citeDeepest finds the innermost flow of the packet that v, an ICMP error's
// quote, is the start of, given the outermost one that it cites.
func (p *Level) citeDeepest(outermost *Flow, v view, version int) {
	if outermost == nil {
		return
	}
	p.Deepest, p.DeepEcho = outermost, p.EchoID
	start := view{bytes: v.bytes, missing: 1 << 16, quoted: true}
	quoted, err := p.ports.fromIP(start, version)
	if err != nil {
		p.unsure = v.cut() && p.ports.carry(outermost.Reverse())
		return
	}
	if quoted.Tunnels > 0 {
		f := quoted.Inner.Flow.Reverse()
		p.Deepest, p.DeepEcho = &f, quoted.Inner.EchoID
	}
	p.unsure = v.cut() && quoted.InnerErr != nil
}

// linuxL3 returns what Linux hashes under policy 0: the header itself, with its
// own next header, or the one that an ICMP error cites.
func linuxL3(p Level) Flow {
	own := p.Flow
	own.Proto = uint8(p.Next)
	v := p.payload
	if p.Later || v.len() < 8 || !isError(own, v) {
		return own
	}
	v = v.from(8)
	switch {
	case p.Flow.IPv6 && v.len() >= 40:
		f := flow6(v)
		f.Proto = uint8(v.u8(6))
		return f
	case !p.Flow.IPv6 && v.len() >= 20:
		return flow4(v)
	}
	return own
}
