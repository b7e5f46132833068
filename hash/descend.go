package hash

// parseAny reads any packet of IP version 4 or 6 that starts at byte l3 of p,
// which p reaches. It is out of line so that the way of most packets stays
// short.
//
//go:noinline
func parseAny(p []byte, l3 int, version uint8, h *Headers) error {
	h.clear()
	v := level{h: h}
	v.read(p, l3, version)
	if v.fault != 0 {
		return fail(h, v.fault, v.at)
	}
	h.setFlow(v.key.src0, v.key.src1, v.key.dst0, v.key.dst1, v.key.rest)
	h.setOffsets(v.l3, v.l4)
	h.setProtos(v.proto, v.next, v.flags)
	h.FragID, h.FragFirst, h.FragLater = v.fragID, v.fragFirst, v.fragLater
	h.SPI, h.EchoID = v.spi, v.echoID
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.echoID, v.fragment()
	if v.icmpError {
		h.ICMPError, h.InnerICMPError = true, true
	}
	kernel := v.kernelRest()
	if kernel != v.key.rest {
		h.setKernel(kernelOuter, &v.key, kernel)
	}
	switch v.proto {
	case ICMP, ICMPv6:
		if cited, ok := v.kernelCitation(p[v.l4:v.end]); ok {
			h.setKernel(kernelCited, &cited, cited.rest)
		}
	case UDP, protoIPv4, protoIPv6, GRE:
		if !v.fragment() {
			c := v.carrier()
			h.descend(p, &c)
		}
	}
	return nil
}

// A carrier is what descend needs to know of the level that it is at.
type carrier struct {
	rest    uint64 // the last word of its key
	kernel  uint64 // and as Linux sees it, but for labels from further out
	l4, end int
	proto   uint8
	stopped bool // Linux looks no further
}

func (v *level) carrier() carrier {
	return carrier{rest: v.key.rest, kernel: v.kernelRest(), l4: v.l4, end: v.end, proto: v.proto, stopped: v.stopped}
}

// setKernel keeps what Linux sees: a key, but for its last word.
func (h *Headers) setKernel(view kernelView, k *FlowKey, rest uint64) {
	h.view = view
	h.kernel.src0, h.kernel.src1, h.kernel.dst0, h.kernel.dst1, h.kernel.rest = k.src0, k.src1, k.dst0, k.dst1, rest
}

// setInner makes the fields of the innermost level those of v.
func (h *Headers) setInner(v *level) {
	k := &v.key
	h.Inner.src0, h.Inner.src1, h.Inner.dst0, h.Inner.dst1, h.Inner.rest = k.src0, k.src1, k.dst0, k.dst1, k.rest
	h.InnerProto, h.InnerFlags = v.proto, v.flags
	h.InnerL3Offset, h.InnerL4Offset = uint16(v.l3), uint16(v.l4)
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.echoID, v.fragment()
	h.InnerICMPError = v.icmpError
}

// setInnerFault keeps what is wrong inside a tunnel.
func (h *Headers) setInnerFault(f fault, at int) { h.innerFault, h.innerAt = f, uint16(at) }

// descend follows the tunnels from the outermost level, c, to the innermost
// one. It reuses c. Linux follows them as long as they are of the kinds that it
// enters.
func (h *Headers) descend(p []byte, c *carrier) {
	var t tunnel
	var l link
	follows := !c.stopped
	kernel := c.kernel
	label := kernel & maskLabel
	for {
		t.open(p, c)
		if !t.found {
			return
		}
		if h.Tunnels == maxTunnels || t.at > maxPayload {
			h.setInnerFault(deepTunnel, c.l4)
			return
		}
		if t.fault != 0 {
			h.setInnerFault(t.fault, t.at)
			return
		}
		if t.hasID {
			h.TunnelID = t.id
		}
		t.follow(p, &l)
		// Linux needs the Ethernet header before it believes in a tunnel.
		follows = follows && t.linux && (l.fault != shortEthernet || l.at != t.at)
		if follows && h.view != kernelInner {
			h.setKernel(kernelInner, &h.Outer, kernel)
		}
		if l.fault != 0 {
			h.setInnerFault(l.fault, l.at)
			return
		}
		if l.version == 0 {
			return
		}
		inner := p[:l.end]
		if !h.quickInner(inner, l.at, l.version, c) && !h.readInner(inner, l.at, l.version, c) {
			return
		}
		h.Tunnels++
		if follows = follows && !l.mpls; follows {
			if own := c.rest & maskLabel; own != 0 {
				label = own
			}
			kernel = c.kernel
			if kernel&(ip6Flag|maskLabel) == ip6Flag {
				kernel |= label // the last one that was not zero
			}
			h.setKernel(kernelInner, &h.Inner, kernel)
			follows = !c.stopped
		}
		if h.InnerFragment || !quicks[c.proto].isTunnel(uint16(c.rest>>16)) {
			return
		}
	}
}

// readInner reads any inner packet, and reports whether it is sound.
//
//go:noinline
func (h *Headers) readInner(p []byte, l3 int, version uint8, c *carrier) bool {
	v := level{h: h}
	v.read(p, l3, version)
	if v.fault != 0 {
		h.setInnerFault(v.fault, v.at)
		return false
	}
	h.setInner(&v)
	*c = v.carrier()
	return true
}
