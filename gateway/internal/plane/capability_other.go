//go:build !linux

package plane

// explain adds nothing: there is no plane.
func (k Kind) explain(err error) error { return err }
