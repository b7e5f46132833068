package planes

import (
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/plane/xdp"
)

// All returns every data plane; the first is the default.
func All() []plane.Kind {
	return []plane.Kind{
		{Name: "afpacket", New: plane.NewAFPacket, Resets: true},
		{Name: "afxdp", New: plane.NewAFXDP, Resets: true, Needs: plane.Needs{WholeFrames: true, Address: true}},
		{Name: "xdp", New: xdp.New, InKernel: true, Needs: plane.Needs{WholeFrames: true, Tables: true, Address: true}},
	}
}
