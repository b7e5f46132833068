package hash

// parseAny reads any packet of IP version 4 or 6 that starts at byte l3 of p, which p reaches. It is out of line so that the
// way of most packets stays short.
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
	kernel := v.kernelRest(0)
	if kernel != v.key.rest {
		h.setKernel(kernelOuter, &v.key, kernel)
	}
	switch v.proto {
	case protoICMP, protoICMPv6:
		if cited, ok := v.kernelCitation(p[v.l4:v.end]); ok {
			h.setKernel(kernelCited, &cited, cited.rest)
		}
	case protoUDP, protoIPv4, protoIPv6, protoGRE:
		if !v.fragment() {
			h.descend(p, &v, kernel)
		}
	}
	return nil
}

// enter looks into what may be a tunnel, in a packet that the fast path has read, and that ends at byte end of p.
//
//go:noinline
func (h *Headers) enter(p []byte, l4, end int) {
	if h.Proto != protoUDP {
		h.Outer.rest &^= maskSrcPort | maskDstPort
		h.Inner.rest = h.Outer.rest
	}
	v := level{h: h, l4: l4, end: end, proto: h.Proto}
	v.key.rest = h.Outer.rest
	h.descend(p, &v, h.Outer.rest)
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

// descend follows the tunnels from the outermost level, v, to the innermost one. It reuses v. Linux sees the outermost level
// with kernel as the last word of its key, and follows the tunnels as long as they are of the kinds that it enters.
func (h *Headers) descend(p []byte, v *level, kernel uint64) {
	var t tunnel
	var l link
	follows := !v.stopped
	label := kernel & maskLabel
	for {
		t.open(p, v)
		if !t.found {
			return
		}
		if h.Tunnels == maxTunnels || t.at > maxPayload {
			h.setInnerFault(deepTunnel, v.l4)
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
		more := true
		if !h.quickInner(p[:l.end], l.at, l.version, v) {
			v.read(p[:l.end], l.at, l.version)
			if v.fault != 0 {
				h.setInnerFault(v.fault, v.at)
				return
			}
			h.setInner(v)
			more = !v.fragment()
		}
		h.Tunnels++
		if follows = follows && !l.mpls; follows {
			if own := v.key.rest & maskLabel; own != 0 {
				label = own
			}
			h.setKernel(kernelInner, &h.Inner, v.kernelRest(label))
			follows = !v.stopped
		}
		if !more || !quicks[v.proto].isTunnel(uint16(v.key.rest>>16)) {
			return
		}
	}
}
