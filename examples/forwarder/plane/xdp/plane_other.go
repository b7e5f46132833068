//go:build !linux

package xdp

import "github.com/ecmp-go/ecmp/examples/forwarder/plane"

// New returns [plane.ErrNotLinux].
func New(plane.Config) (plane.Plane, error) { return nil, plane.ErrNotLinux }
