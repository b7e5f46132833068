package planes

import (
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/plane/xdp"
)

// All returns every data plane; the first is the default.
func All() []plane.Kind {
	return []plane.Kind{
		{Name: "afpacket", New: plane.NewAFPacket, Resets: true, Tunnels: true, SharesPins: true, Needs: plane.Needs{
			Capabilities: []string{"CAP_NET_RAW", "CAP_NET_ADMIN"},
		}},
		{Name: "afxdp", New: plane.NewAFXDP, Resets: true, Tunnels: true, SharesPins: true, Needs: plane.Needs{
			WholeFrames: true, Address: true,
			Capabilities: []string{"CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_IPC_LOCK"},
		}},
		{Name: "xdp", New: xdp.New, InKernel: true, Tunnels: true, Keys: xdp.Keys(), Needs: plane.Needs{
			WholeFrames: true, Tables: true, Address: true,
			Capabilities: []string{"CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON"},
		}},
	}
}
