//go:build !linux

package xdp

import "github.com/ecmp-go/ecmp/examples/forwarder/plane"

// A Plane is never had on this system.
type Plane struct{ plane.Plane }

// New returns [plane.ErrNotLinux].
func New(plane.Config) (*Plane, error) { return nil, plane.ErrNotLinux }
