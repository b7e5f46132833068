package main

import (
	"fmt"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/plane/xdp"
)

// newPlane returns the data plane of this name.
func newPlane(name string, c plane.Config) (plane.Plane, error) {
	switch name {
	case "afpacket":
		return plane.NewAFPacket(c)
	case "afxdp":
		return plane.NewAFXDP(c)
	case "xdp":
		return xdp.New(c)
	default:
		return nil, fmt.Errorf("data plane %q: known are afpacket, afxdp, xdp", name)
	}
}
