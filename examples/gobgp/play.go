package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
)

// The peers that are played listen at 127.0.0.11 and so on.
const (
	played     = 3
	playedPort = 17917
	playedAS   = 65001
)

// play plays peers that announce a prefix, one after another. One of them then
// leaves, by the community of graceful shutdown, and comes back.
func play(ctx context.Context, r *router, changes <-chan struct{}) error {
	s := r.speaker.(*server.BgpServer)  //nolint:forcetypeassert // run made it so
	var peers [played]*server.BgpServer // all start before any has a session: see speaker
	for i := range peers {
		p, err := speaker(ctx, playedAS+uint32(i), fmt.Sprint("127.0.0.", 11+i), playedPort)
		if err != nil {
			return err
		}
		defer p.Stop()
		peers[i] = p
	}
	for i, p := range peers {
		addr := fmt.Sprint("127.0.0.", 11+i)
		router := peer("127.0.0.1", 0, 65010)
		router.Transport.PassiveMode = true
		if err := p.AddPeer(ctx, &api.AddPeerRequest{Peer: router}); err != nil {
			return err
		}
		if err := announce(p, addr); err != nil {
			return err
		}
		if err := s.AddPeer(ctx, &api.AddPeerRequest{Peer: peer(addr, playedPort, playedAS+uint32(i))}); err != nil {
			return err
		}
		if err := r.follow(ctx, changes, i+1); err != nil {
			return err
		}
	}
	const gracefulShutdown = 0xffff0000
	addr := fmt.Sprint("127.0.0.", 10+played)
	if err := announce(peers[played-1], addr, gracefulShutdown); err != nil {
		return err
	}
	if err := r.follow(ctx, changes, played-1); err != nil {
		return err
	}
	if err := announce(peers[played-1], addr); err != nil {
		return err
	}
	return r.follow(ctx, changes, played)
}

// follow takes over changes until the group has so many next hops.
func (r *router) follow(ctx context.Context, changes <-chan struct{}, n int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if g := r.groups[playedPrefix()]; g != nil && g.Load().Len() == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changes:
		}
		if err := r.refresh(); err != nil {
			return err
		}
	}
}

func playedPrefix() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/24") }

// announce has a peer announce the prefix, by itself as the next hop.
func announce(s *server.BgpServer, hop string, communities ...uint32) error {
	nlri, err := bgp.NewIPAddrPrefix(playedPrefix())
	if err != nil {
		return err
	}
	next, err := bgp.NewPathAttributeNextHop(netip.MustParseAddr(hop))
	if err != nil {
		return err
	}
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), next}
	if len(communities) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeCommunities(communities))
	}
	_, err = s.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{
		{Family: bgp.RF_IPv4_UC, Nlri: nlri, Attrs: attrs},
	}})
	return err
}
