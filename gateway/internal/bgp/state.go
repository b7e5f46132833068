package bgp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// State is how the gateway stands to its routers.
type State struct {
	AS        uint32         `json:"as"`
	ID        netip.Addr     `json:"id"`
	Phase     Phase          `json:"phase"`
	Announced []netip.Prefix `json:"announced"`
	Peers     []PeerState    `json:"peers"`
}

// PeerState is the state of a session. One that is not there is a state and no
// error: the gateway goes on.
type PeerState struct {
	Addr     netip.Addr `json:"addr"`
	AS       uint32     `json:"as"`
	Session  string     `json:"session"`          // idle, connect, active, opensent, openconfirm or established
	Since    time.Time  `json:"since,omitzero"`   // of the session, or of its end
	Reason   string     `json:"reason,omitempty"` // of the last end
	BFD      string     `json:"bfd,omitempty"`    // up, down, init or admin_down; empty: none is wanted
	Received uint64     `json:"received"`         // prefixes
	ToldAll  bool       `json:"toldAll"`          // of its routes, since the session began
}

// Established reports whether there is a session.
func (p PeerState) Established() bool { return p.Session == established }

const established = "established"

// State returns the state of all sessions, in the order of the configuration.
func (s *Speaker) State() State {
	st := State{AS: s.config.AS, ID: s.config.ID, Announced: []netip.Prefix{}, Peers: []PeerState{}}
	sessions := s.sessions()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Phase = s.phase
	for p := range s.told {
		st.Announced = append(st.Announced, p)
	}
	slices.SortFunc(st.Announced, netip.Prefix.Compare)
	for _, c := range s.config.Peers {
		p := PeerState{Addr: c.Addr, AS: c.AS, Session: "idle"}
		if known, ok := sessions[c.Addr]; ok {
			p.Session, p.BFD, p.Received = known.Session, known.BFD, known.Received
		}
		if e := s.heard[c.Addr]; e != nil {
			p.Since = e.at
			if p.ToldAll = p.Established() && e.reason == "" && e.toldAll(c, time.Now()); !p.Established() {
				p.Reason = e.reason
			}
		}
		st.Peers = append(st.Peers, p)
	}
	return st
}

// sessions returns what GoBGP knows of its peers.
func (s *Speaker) sessions() map[netip.Addr]PeerState {
	all := make(map[netip.Addr]PeerState)
	_ = s.server.ListPeer(context.Background(), &api.ListPeerRequest{}, func(p *api.Peer) { // none: it was stopped
		addr, err := netip.ParseAddr(p.GetState().GetNeighborAddress())
		if err != nil {
			return
		}
		st := PeerState{Session: strings.ToLower(p.GetState().GetSessionState().String())}
		st.Session = strings.TrimPrefix(st.Session, "session_state_")
		for _, f := range p.GetAfiSafis() {
			st.Received += f.GetState().GetReceived()
		}
		all[addr] = st
	})
	s.server.ListBfdPeer(context.Background(), func(peer string, b *api.BfdPeerState) {
		addr, err := netip.ParseAddr(peer)
		if st, ok := all[addr]; ok && err == nil {
			st.BFD = strings.TrimPrefix(strings.ToLower(b.GetSessionState().String()), "bfd_session_state_")
			all[addr] = st
		}
	})
	return all
}

// peerChanged takes down how a session began or ended.
func (s *Speaker) peerChanged(e *apiutil.WatchEventMessage_PeerEvent, at time.Time) {
	if e.Type != apiutil.PEER_EVENT_STATE {
		return
	}
	state, addr := e.Peer.State, e.Peer.State.NeighborAddress
	up := state.SessionState == bgp.BGP_FSM_ESTABLISHED
	reason := strings.TrimSpace(state.DisconnectMessage)
	if reason == "" && !up {
		reason = strings.ToLower(strings.ReplaceAll(state.DisconnectReason.String(), "_", " "))
	}
	s.mu.Lock()
	was := s.heard[addr]
	if !up && (was == nil || was.reason != "") { // it was never there, or tries to connect again
		s.mu.Unlock()
		return
	}
	now := &session{at: at}
	if !up {
		now.reason = reason
	} else if i := slices.IndexFunc(s.config.Peers, func(p config.Peer) bool { return p.Addr == addr }); i >= 0 {
		now.families = s.familiesOf(s.config.Peers[i], e.Peer.State.RemoteCap)
	}
	s.heard[addr] = now
	s.mu.Unlock()
	if up {
		s.log.Info("BGP: session", "peer", addr)
		return
	}
	s.log.Warn("BGP: session lost", "peer", addr, "reason", reason)
	go s.renew(addr)
}
