package bgp

import (
	"time"

	"github.com/osrg/gobgp/v4/api"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const (
	retry      = 1  // s between attempts to connect
	keepalives = 3  // in the time after which a silent peer is gone
	lost       = 3  // packets of BFD in a row, after which the path is down
	deferral   = 10 // s at most that a restarted gateway waits for its peers before it announces
)

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
