package joined

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
)

// State is what a gateway knows of its cluster.
type State struct {
	Name      string `json:"name"`
	Gateway   string `json:"gateway"`
	Connected bool   `json:"connected"`
	Server    string `json:"server,omitempty"` // of NATS, that it is connected to

	// Since when no server is within reach, and why, if that is known. The
	// gateway forwards on.
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"`

	Services    []ServiceState `json:"services"`
	Gateways    []GatewayState `json:"gateways"` // the others, by name
	Differences []Difference   `json:"differences"`
	// in what the configuration is not what is in force
	Configuration []string   `json:"configuration"`
	Pins          *PinsState `json:"pins"`
}

// ServiceState is a service of the cluster as this gateway has it.
type ServiceState struct {
	Name        string `json:"name"`
	Joined      bool   `json:"joined"`
	Version     uint64 `json:"version"`
	Fingerprint string `json:"fingerprint"`
	// why it is not joined, or not at the newest version
	Reason string `json:"reason,omitempty"`
}

// GatewayState is another gateway, by its heartbeats.
type GatewayState struct {
	Name     string         `json:"name"`
	Live     bool           `json:"live"`
	Proven   bool           `json:"proven"` // it has the cluster's secret
	Heard    time.Time      `json:"heard"`
	Reason   string         `json:"reason,omitempty"` // why nothing is taken from it
	Services []ServiceState `json:"services"`
}

// Difference is in what a gateway is not as this one.
type Difference struct {
	Gateway string    `json:"gateway"`
	Service string    `json:"service,omitempty"`
	Field   string    `json:"field"`
	Says    string    `json:"says"`
	Since   time.Time `json:"since"`
}

// PinsState says whether pins are shared, and what became of them.
type PinsState struct {
	Shared bool   `json:"shared"`
	Reason string `json:"reason,omitempty"` // why not
	// Missing are the gateways whose pins are not all here yet.
	Missing []string           `json:"missing"`
	Counts  *cluster.PinsStats `json:"counts,omitempty"`
}

// Cut says since when no server is within reach; the zero time if one is.
func (c *Cluster) Cut() (since time.Time, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut()
}

// cut is Cut; c.mu is held.
func (c *Cluster) cut() (since time.Time, reason string) {
	if c.conn == nil {
		return c.since, c.fault.Error()
	}
	since, cut := c.conn.Cut()
	if !cut {
		return time.Time{}, ""
	}
	if err := c.conn.NATS().LastError(); err != nil {
		reason = err.Error()
	}
	return since, reason
}

// State returns the state.
func (c *Cluster) State() State {
	s := State{
		Name: c.Config.Name, Gateway: c.Config.Gateway, Services: []ServiceState{}, Gateways: []GatewayState{},
		Differences: []Difference{}, Configuration: c.differences(),
	}
	if s.Configuration == nil {
		s.Configuration = []string{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Since, s.Reason = c.cut()
	s.Connected = s.Since.IsZero()
	for _, g := range c.groups {
		s.Services = append(s.Services, g.state())
	}
	slices.SortFunc(s.Services, byName)
	s.Pins = c.pinsState()
	if c.conn == nil {
		return s
	}
	s.Server = c.conn.NATS().ConnectedUrlRedacted()
	for _, p := range c.conn.Peers() {
		s.Gateways = append(s.Gateways, gatewayState(p))
	}
	for _, d := range c.conn.Divergence() {
		s.Differences = append(s.Differences, Difference{
			Gateway: d.Gateway, Service: d.Group, Field: d.Field, Says: d.String(), Since: d.Since,
		})
	}
	return s
}

func byName(a, b ServiceState) int { return cmp.Compare(a.Name, b.Name) }

// state is of Cluster.mu.
func (g *group) state() ServiceState {
	v := g.View()
	s := ServiceState{Name: g.service, Joined: g.membership != nil, Version: v.Version(),
		Fingerprint: fingerprint(v.Fingerprint())}
	err := g.fault
	if g.membership != nil {
		err = g.membership.Err()
	}
	if err != nil {
		s.Reason = err.Error()
	}
	return s
}

func fingerprint(f uint64) string { return fmt.Sprintf("%016x", f) }

func gatewayState(p cluster.Peer) GatewayState {
	g := GatewayState{Name: p.Name, Live: p.Live, Proven: p.Proven, Heard: p.Heard, Services: []ServiceState{}}
	if p.Refused != nil {
		g.Reason = p.Refused.Error()
	}
	for name, r := range p.Groups {
		g.Services = append(g.Services, ServiceState{
			Name: name, Joined: true, Version: r.Version, Fingerprint: fingerprint(r.Fingerprint), Reason: r.Failed,
		})
	}
	slices.SortFunc(g.Services, byName)
	return g
}

// pinsState is of Cluster.mu.
func (c *Cluster) pinsState() *PinsState {
	s := &PinsState{Missing: []string{}}
	switch {
	case c.Sticky == nil:
		s.Reason = "flows are not sticky: there are none"
	case !c.Config.Pins:
		s.Reason = "the configuration does not want it"
	case !c.SharesPins:
		s.Reason = "the data plane keeps them in the kernel"
	case c.conn == nil:
		s.Reason = "no server was reached yet"
	default:
		s.Reason = "there is no data plane"
	}
	for t := range c.tables {
		if t.pins == nil {
			if t.fault != nil {
				s.Reason = t.fault.Error()
			}
			continue
		}
		counts := t.pins.Stats()
		s.Shared, s.Reason, s.Counts = t.fault == nil, "", &counts
		s.Missing = append(s.Missing, t.pins.Missing()...)
		if t.fault != nil {
			s.Reason = t.fault.Error()
		}
	}
	return s
}
