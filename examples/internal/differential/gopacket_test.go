package differential

import (
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// A flow is the flow of one IP header, as gopacket finds it.
type flow struct {
	Src, Dst netip.AddrPort
	Proto    uint8
}

// decode returns the flows of the IP headers of a frame, the outermost first.
func decode(frame []byte) (flows []flow) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true,
		DecodeStreamsAsDatagrams: true})
	var at *flow
	begin := func(f flow) { flows = append(flows, f); at = &flows[len(flows)-1] }
	ports := func(src, dst uint16) {
		if at != nil {
			at.Src, at.Dst = netip.AddrPortFrom(at.Src.Addr(), src), netip.AddrPortFrom(at.Dst.Addr(), dst)
		}
	}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			src, _ := netip.AddrFromSlice(l.SrcIP.To4())
			dst, _ := netip.AddrFromSlice(l.DstIP.To4())
			begin(flow{netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0), uint8(l.Protocol)})
		case *layers.IPv6:
			src, _ := netip.AddrFromSlice(l.SrcIP.To16())
			dst, _ := netip.AddrFromSlice(l.DstIP.To16())
			begin(flow{netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0), uint8(l.NextHeader)})
		case *layers.IPv6HopByHop:
			at.Proto = uint8(l.NextHeader)
		case *layers.IPv6Destination:
			at.Proto = uint8(l.NextHeader)
		case *layers.IPv6Routing:
			at.Proto = uint8(l.NextHeader)
		case *layers.IPv6Fragment:
			at.Proto = uint8(l.NextHeader)
		case *layers.IPSecAH:
			if at.Src.Addr().Is6() {
				at.Proto = uint8(l.NextHeader)
			}
		case *layers.TCP:
			ports(uint16(l.SrcPort), uint16(l.DstPort))
		case *layers.UDP:
			ports(uint16(l.SrcPort), uint16(l.DstPort))
		case *layers.UDPLite:
			ports(uint16(l.SrcPort), uint16(l.DstPort))
		case *layers.SCTP:
			ports(uint16(l.SrcPort), uint16(l.DstPort))
		}
	}
	return flows
}
