//go:build !linux

package planes

import "github.com/ecmp-go/ecmp/gateway/internal/plane"

// All returns nothing: the data planes are those of Linux.
func All() []plane.Kind { return nil }
