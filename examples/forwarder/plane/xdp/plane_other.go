//go:build !linux

package xdp

import "github.com/ecmp-go/ecmp/examples/forwarder/plane"

// A Plane is never had on this system.
type Plane struct{ plane.Plane }

// New returns an [*Error] with [ErrUnsupported].
func New(plane.Config) (*Plane, error) {
	return nil, &Error{Err: ErrUnsupported, Value: "it is of Linux"}
}
