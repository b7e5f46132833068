//go:build !linux

package lab

import (
	"context"
	"log/slog"
	"time"
)

// Run returns ErrUnsupported.
func Run(context.Context, Config) (Result, error) { return Result{}, ErrUnsupported }

// RunSoak returns ErrUnsupported.
func RunSoak(context.Context, Config, time.Duration) (Soak, error) { return Soak{}, ErrUnsupported }

// RunFleet returns ErrUnsupported.
func RunFleet(context.Context, FleetConfig) (FleetResult, error) {
	return FleetResult{}, ErrUnsupported
}

// RunUpstream returns ErrUnsupported.
func RunUpstream(context.Context, string, *slog.Logger) error { return ErrUnsupported }
