package services

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// A Snapshot is what outlives the process: the members as they were, which may
// differ from those of the configuration, and the pins of flows.
type Snapshot struct {
	origin   string
	services []savedService
	flows    io.Reader
}

type savedService struct {
	Name    string            `json:"name"`
	Members json.RawMessage   `json:"members"`
	Drained map[string]uint32 `json:"drained"`
	Drains  map[string]Drain  `json:"drains,omitempty"`
	Learned bool              `json:"learned,omitempty"`
	Down    []string          `json:"down,omitempty"` // members that were set down
	Failed  []savedFailure    `json:"failed,omitempty"`

	Incarnations map[string]uint64 `json:"incarnations,omitempty"` // that a cluster gave
}

// A savedFailure is what a check had found of a member.
type savedFailure struct {
	health.Target
	Reason string
}

type savedHeader struct {
	Origin   string         `json:"origin"`
	Services []savedService `json:"services"`
}

// Save returns a snapshot as bytes. Neither packets nor changes wait for it: of
// a change meanwhile, it may have what became of the flows alone.
func (r *Registry) Save() ([]byte, error) {
	h, members := r.saved()
	for i, list := range members {
		var err error
		if h.Services[i].Members, err = json.Marshal(list); err != nil {
			return nil, err
		}
		h.Services[i].Incarnations = incarnationsOf(list)
	}
	header, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(append(header, '\n'))
	err = r.plane.Flows().Save(b)
	return b.Bytes(), err
}

// saved returns what is to be saved of the services, and the members of the
// first of them, as they are in one moment.
func (r *Registry) saved() (h savedHeader, members [][]config.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h = savedHeader{Origin: r.origin, Services: make([]savedService, len(r.services))}
	members = make([][]config.Member, len(r.services))
	for i, s := range r.services {
		h.Services[i] = savedService{Name: s.Name, Drained: maps.Clone(s.drained), Drains: maps.Clone(r.drains[s.Name]),
			Learned: s.Learned, Down: slices.Sorted(maps.Keys(s.down))}
		for _, id := range slices.Sorted(maps.Keys(s.failed)) {
			f := s.failed[id]
			h.Services[i].Failed = append(h.Services[i].Failed, savedFailure{f.target, f.fault.Error()})
		}
		members[i] = s.Members
	}
	for name, drains := range r.awaited {
		h.Services = append(h.Services, savedService{Name: name, Drains: maps.Clone(drains), Learned: true})
	}
	return h, members
}

// ReadSnapshot begins to read what [Registry.Save] wrote.
func ReadSnapshot(from io.Reader) (*Snapshot, error) {
	b := bufio.NewReader(from)
	line, err := b.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("snapshot: header: %w", err)
	}
	var h savedHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("snapshot: header: %w", err)
	}
	return &Snapshot{h.Origin, h.Services, b}, nil
}

func incarnationsOf(members []config.Member) map[string]uint64 {
	given := make(map[string]uint64)
	for _, m := range members {
		if m.Incarnation != 0 {
			given[m.ID] = m.Incarnation
		}
	}
	return given
}

// Services returns the services of a configuration with their members as they
// were when the snapshot was taken. A configuration that is not the one of that
// time wins over the snapshot: its services are returned as they are.
func (s *Snapshot) Services(configured []config.Service, origin string) ([]config.Service, error) {
	if s.origin != origin {
		return configured, nil
	}
	return s.Newest(configured)
}

// Newest is Services for a cluster, whose members are not the configuration's:
// those of the snapshot are in any case newer.
func (s *Snapshot) Newest(configured []config.Service) ([]config.Service, error) {
	services := append([]config.Service(nil), configured...)
	for i := range services {
		for _, saved := range s.services {
			if saved.Name != services[i].Name {
				continue
			}
			members, err := config.ParseMembers(saved.Members)
			if err != nil {
				return configured, fmt.Errorf("snapshot: service %q: %w", saved.Name, err)
			}
			for j := range members {
				members[j].Incarnation = saved.Incarnations[members[j].ID]
			}
			services[i].Members = members
		}
	}
	return services, nil
}

// Learned returns the IDs of the members of each service that routers announced.
func (s *Snapshot) Learned() map[string][]string {
	learned := make(map[string][]string)
	for _, saved := range s.services {
		var members []struct{ ID string }
		if !saved.Learned || json.Unmarshal(saved.Members, &members) != nil {
			continue
		}
		for _, m := range members {
			learned[saved.Name] = append(learned[saved.Name], m.ID)
		}
	}
	return learned
}

// RestoreDrains has the next [Registry.Replace] drain the members that were
// drained past the configuration when the snapshot was taken, whatever the
// configuration was then; and [Registry.SetLearned] those that were learned, when
// routers first announce them.
func (r *Registry) RestoreDrains(s *Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, saved := range s.services {
		to := r.drains
		if saved.Learned {
			to = r.awaited
		}
		for id, drain := range saved.Drains {
			to.add(saved.Name, id, drain)
		}
	}
}

// RestoreDown sets the members down that were when the snapshot was taken, as far
// as they are there; and has those down that failed their check, if they are still
// asked so, until they pass it. It is to be called after [Registry.Replace], and
// before flows are restored, which would go to them.
func (r *Registry) RestoreDown(s *Snapshot) error {
	for _, saved := range s.services {
		for _, id := range saved.Down {
			err := r.SetDown(saved.Name, id, true)
			if err != nil && !errors.Is(err, ErrNoService) && !errors.Is(err, ErrNoMember) {
				return err
			}
		}
		for _, f := range saved.Failed {
			if err := r.SetHealth(f.Target, errors.New(f.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Restore gives flows that are pinned in a snapshot back to their members. It
// is to be called before Run.
func (r *Registry) Restore(s *Snapshot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var groups []*engine.Group
	for _, service := range r.services {
		groups = append(groups, service.group)
		for _, saved := range s.services {
			if saved.Name == service.Name && s.origin == r.origin {
				service.drained = saved.Drained
			}
		}
	}
	return r.plane.Flows().Restore(s.flows, groups...)
}
