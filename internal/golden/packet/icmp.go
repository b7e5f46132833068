package packet

// echo returns the identifier of the echo in v, which is of flow f; 0 if it is
// none.
func echo(f Flow, v view) uint16 {
	switch {
	case v.len() < 6:
	case f.Proto == 1 && !f.IPv6 && (v.u8(0) == 0 || v.u8(0) == 8),
		f.Proto == 58 && f.IPv6 && (v.u8(0) == 128 || v.u8(0) == 129):
		return uint16(v.u16(4))
	}
	return 0
}

func isError(f Flow, v view) bool {
	switch {
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
	return citedPorts(p, flow4(v), v.from(header), v.u16(6)%8192 > 0)
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
	up, err := upper(v.from(40), v.u8(6))
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
	return citedPorts(p, f, up.v, later)
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
		if !later && v.len() > 0 {
			p.EchoID = echo(f, v)
		}
	}
	f = f.Reverse()
	return &f
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
