package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const (
	retry      = 1 // s between attempts to connect
	keepalives = 3 // in the time after which a silent peer is gone
	lost       = 3 // packets of BFD in a row, after which the path is down

	// The seconds that a restarted gateway waits for the routes of its peers
	// before it announces its own, which do not depend on theirs. A router that
	// starts too waits for the gateway, so that the whole time passes.
	deferral = 1
)

// Connect begins the sessions. A peer that keeps routes over a restart drops
// those that it does not hear again at once: so everything is to be announced
// before.
func (s *Speaker) Connect() error {
	s.peers.Lock()
	defer s.peers.Unlock()
	for _, p := range s.config.Peers {
		if err := s.server.AddPeer(context.Background(), &api.AddPeerRequest{Peer: s.peer(p)}); err != nil {
			return fmt.Errorf("BGP peer %s: %w", p.Addr, err)
		}
	}
	return nil
}

// renew makes a peer with BFD anew after its session has ended. GoBGP v4.8.0
// keeps the reset that BFD asks for when there is no session any more, and ends
// the next one by it, which takes BFD down again, and so on.
func (s *Speaker) renew(addr netip.Addr) {
	i := slices.IndexFunc(s.config.Peers, func(p config.Peer) bool { return p.Addr == addr })
	if i < 0 || s.config.Peers[i].BFD == 0 {
		return
	}
	s.peers.Lock()
	defer s.peers.Unlock()
	if s.closed {
		return
	}
	ctx := context.Background()
	err := s.server.DeletePeer(ctx, &api.DeletePeerRequest{Address: addr.String()})
	if err == nil {
		err = s.server.AddPeer(ctx, &api.AddPeerRequest{Peer: s.peer(s.config.Peers[i])})
	}
	if err != nil {
		s.log.Error("BGP: connecting again", "peer", addr, "error", err)
	}
}

// peer returns what GoBGP takes for a peer.
func (s *Speaker) peer(p config.Peer) *api.Peer {
	hold := uint64(p.Hold / time.Second)
	peer := &api.Peer{
		Conf: &api.PeerConf{NeighborAddress: p.Addr.String(), PeerAsn: p.AS, AuthPassword: p.Password},
		Timers: &api.Timers{Config: &api.TimersConfig{
			ConnectRetry: retry, IdleHoldTimeAfterReset: retry, HoldTime: hold, KeepaliveInterval: hold / keepalives,
		}},
	}
	for v6, family := range map[bool]*api.Family{
		false: {Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST},
		true:  {Afi: api.Family_AFI_IP6, Safi: api.Family_SAFI_UNICAST},
	} {
		if !s.config.Carries(p, v6) {
			continue
		}
		peer.AfiSafis = append(peer.AfiSafis, &api.AfiSafi{
			Config: &api.AfiSafiConfig{Family: family, Enabled: true},
			MpGracefulRestart: &api.MpGracefulRestart{
				Config: &api.MpGracefulRestartConfig{Enabled: p.Restart > 0},
			},
		})
	}
	if p.Restart > 0 {
		// Always as one that restarts: a process that is started does not know
		// whether there was one before. Peers that hear it for the first time
		// lose nothing by it.
		peer.GracefulRestart = &api.GracefulRestart{
			Enabled: true, RestartTime: uint32(p.Restart / time.Second), DeferralTime: deferral, LocalRestarting: true,
		}
	}
	if p.BFD > 0 {
		micros := uint32(p.BFD.Microseconds())
		peer.Bfd = &api.BfdPeerConfig{
			Enabled: true, DesiredMinimumTxInterval: micros, RequiredMinimumReceive: micros, DetectionMultiplier: lost,
		}
	}
	return peer
}
