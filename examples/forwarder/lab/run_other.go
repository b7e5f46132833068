//go:build !linux

package lab

import "context"

// Run returns ErrUnsupported.
func Run(context.Context, Config) (Result, error) { return Result{}, ErrUnsupported }
