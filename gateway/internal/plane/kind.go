package plane

import "slices"

// A Kind is a data plane that a configuration can ask for by its name.
type Kind struct {
	Name string
	New  func(Config) (Plane, error)

	Needs  Needs
	Resets bool // it can do what Config.Reset asks for

	// Tunnels says that members may have an [engine.Tunnel].
	Tunnels bool

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
