//go:build !linux

package plane

// NewAFPacket returns ErrNotLinux.
func NewAFPacket(Config) (Plane, error) { return nil, ErrNotLinux }

// NewAFXDP returns ErrNotLinux.
func NewAFXDP(Config) (Plane, error) { return nil, ErrNotLinux }
