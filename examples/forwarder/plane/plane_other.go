//go:build !linux

package plane

// NewAFPacket returns ErrNotLinux.
func NewAFPacket(Config) (Plane, error) { return nil, ErrNotLinux }
