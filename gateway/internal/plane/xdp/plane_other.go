//go:build !linux

package xdp

import "github.com/ecmp-go/ecmp/gateway/internal/plane"

// New returns [plane.ErrNotLinux].
func New(plane.Config) (plane.Plane, error) { return nil, plane.ErrNotLinux }
