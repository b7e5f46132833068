package host

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Finding says how the host treats something of the gateway.
type Finding struct {
	About string `json:"about"` // a virtual address, an interface, a setting or a scope
	Says  string `json:"says"`
	Wrong bool   `json:"wrong"` // connections suffer
}

// Findings are those of the last look. The zero value is ready; it is safe for
// concurrent use.
type Findings struct {
	mu  sync.Mutex
	now []Finding
}

// Set replaces all. It returns those that are new.
func (f *Findings) Set(now []Finding) (fresh []Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range now {
		if !slices.Contains(f.now, n) {
			fresh = append(fresh, n)
		}
	}
	f.now = now
	return fresh
}

// All returns the findings; nil if f is.
func (f *Findings) All() []Finding {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.now)
}

// Want is what a gateway serves.
type Want struct {
	VIPs []netip.Prefix
	In   []string // interfaces that packets come in by
	Out  []string // those of members

	Members []Member
	Paths   []Path // that checks take
}

// A Path is how a check comes to a member through a virtual address: by the link
// of the member, which takes the packets for its own.
type Path struct {
	VIP netip.Addr
	Hop
}

// A Hop is the member's end of its link.
type Hop struct {
	Dev  string
	Addr netip.Addr
	MAC  engine.MAC // that was given; zero: the kernel asks Addr for it
}

// MostHops limits how many members are asked through a virtual address: the
// kernel has a rule for each, and goes through them one after the other for each
// packet that it sends.
const MostHops = 256

// A Member is where one of a service is, or the router on the way to it.
type Member struct {
	ID, Dev string
	Addr    netip.Addr
	Outer   int // bytes that its tunnel adds to a packet
}
