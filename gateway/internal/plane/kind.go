package plane

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
)

// A Kind is a data plane that a configuration can ask for by its name.
type Kind struct {
	Name string
	New  func(Config) (Plane, error)

	// Keys are those that it can tell flows apart by; nil: every one.
	Keys []placement.Key

	Needs  Needs
	Resets bool // it can do what Config.Reset asks for

	// Tunnels says that members may have an [engine.Tunnel].
	Tunnels bool

	// SharesPins says that its flows can be shared with other gateways, by
	// Config.Sharer: they are in a table of the process.
	SharesPins bool

	// InKernel says that packets do not pass through the process, so that the
	// time of the process is not what forwarding costs.
	InKernel bool
}

// Needs are what a data plane cannot do without.
type Needs struct {
	// Tables says that strategies must be a [selector.Tabled].
	Tables bool

	// Address says that the MAC addresses of Config.In are compiled in: where
	// one changes, another plane is needed.
	Address bool

	// WholeFrames says that nothing may be left to be done for a frame: its
	// senders on the same machine compute checksums and cut segments
	// themselves, and members behind a veth have its NAPI on.
	WholeFrames bool

	// Capabilities are those of the process, such as CAP_NET_RAW.
	Capabilities []string
}

// Names returns the names of kinds, in their order.
func Names(kinds []Kind) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// Find returns the kind of that name.
func Find(kinds []Kind, name string) (k Kind, ok bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// A KeyError says that a plane can't tell the flows of a service apart as asked.
type KeyError struct {
	Service, Plane string
	Key            placement.Key
	Can            []placement.Key
}

// Error names the service, the plane, and what the plane can.
func (e *KeyError) Error() string {
	can := make([]string, len(e.Can))
	for i, k := range e.Can {
		can[i] = k.String()
	}
	return fmt.Sprintf("service %q: %s can't tell flows apart by %s: it can by %s", e.Service, e.Plane, e.Key,
		strings.Join(can, ", "))
}

// CheckKey returns a [*KeyError] if the plane has no such key for a service.
func (k Kind) CheckKey(service string, key placement.Key) error {
	if k.Keys == nil || slices.Contains(k.Keys, key) {
		return nil
	}
	return &KeyError{service, k.Name, key, k.Keys}
}
