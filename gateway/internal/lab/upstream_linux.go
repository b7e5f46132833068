package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// RunUpstream is the upstream router of a fleet, in the namespace of this
// process and until ctx ends: it learns by BGP, as the file says, and has the
// kernel spread the packets for each prefix over its next hops.
func RunUpstream(ctx context.Context, file string, log *slog.Logger) (err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c config.BGP
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s, err := bgp.Start(c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Connect(); err != nil {
		return err
	}
	for table := make(kernelTable); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Changed():
		}
		learned, err := s.Routes()
		if err == nil {
			err = table.follow(learned)
		}
		if err != nil {
			return err
		}
	}
}

// A kernelTable is the routes that the kernel has of the router.
type kernelTable map[netip.Prefix][]netip.Addr

// follow gives the kernel the routes that were learned. One whose gateways
// change is replaced at once: packets always have a way.
func (t kernelTable) follow(learned []bgp.Route) error {
	for prefix := range t {
		if slices.ContainsFunc(learned, func(r bgp.Route) bool { return r.Prefix == prefix }) {
			continue
		}
		if err := netns.IP(fmt.Sprintf("route del %s proto bgp\n", prefix)); err != nil {
			return err
		}
		delete(t, prefix)
	}
	for _, r := range learned {
		hops := make([]netip.Addr, len(r.Hops))
		for i, h := range r.Hops {
			hops[i] = h.Addr
		}
		if slices.Equal(hops, t[r.Prefix]) {
			continue
		}
		if err := netns.IP(multipath(r.Prefix, hops)); err != nil {
			return err
		}
		t[r.Prefix] = hops
	}
	return nil
}
