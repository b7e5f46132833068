package bgp_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/ecmp-go/ecmp/gateway/internal/live"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// The lab starts its own program as a gateway: with a configuration as its
// only argument it is one.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "gateway" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := live.Run(ctx, live.Options{File: os.Args[2], Log: log, Planes: planes.All()})
	stop()
	if err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}
