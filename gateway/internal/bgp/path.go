package bgp

import (
	"math"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// gracefulShutdown is the well-known community of RFC 8326.
const gracefulShutdown = 0xffff0000

const bytesPerMegabit = 1e6 / 8

// path returns what GoBGP takes to announce a prefix.
func (s *Speaker) path(prefix netip.Prefix, leaving bool) (*apiutil.Path, error) {
	nlri, err := bgp.NewIPAddrPrefix(prefix)
	if err != nil {
		return nil, err
	}
	path := &apiutil.Path{Family: bgp.RF_IPv4_UC, Nlri: nlri}
	hop, v6 := s.config.NextHop(prefix.Addr().Is6()), prefix.Addr().Is6()
	if !hop.IsValid() { // that of the session
		if hop = netip.IPv4Unspecified(); v6 {
			hop = netip.IPv6Unspecified()
		}
	}
	var next bgp.PathAttributeInterface
	if v6 {
		path.Family = bgp.RF_IPv6_UC
		next, err = bgp.NewPathAttributeMpReachNLRI(path.Family, []bgp.PathNLRI{{NLRI: nlri}}, hop)
	} else {
		next, err = bgp.NewPathAttributeNextHop(hop)
	}
	if err != nil {
		return nil, err
	}
	const igp = 0
	path.Attrs = []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(igp), next}
	if leaving {
		path.Attrs = append(path.Attrs, bgp.NewPathAttributeCommunities([]uint32{gracefulShutdown}))
	}
	if s.config.Bandwidth > 0 {
		path.Attrs = append(path.Attrs, s.bandwidth())
	}
	return path, nil
}

// bandwidth returns the extended community of the link's bandwidth
// (draft-ietf-idr-link-bandwidth), which is in bytes a second.
func (s *Speaker) bandwidth() bgp.PathAttributeInterface {
	as := uint16(bgp.AS_TRANS)
	if s.config.AS <= math.MaxUint16 {
		as = uint16(s.config.AS)
	}
	return bgp.NewPathAttributeExtendedCommunities([]bgp.ExtendedCommunityInterface{
		bgp.NewLinkBandwidthExtended(as, float32(s.config.Bandwidth)*bytesPerMegabit),
	})
}
