//go:build !linux

package health

import (
	"errors"
	"syscall"
)

// setMark fails: there are no marks here.
func setMark(syscall.RawConn, uint32) error { return errors.ErrUnsupported }
