// Package services is the live state of a gateway: its services and their
// members, over a data plane. Every change is in force when its method returns,
// or has been refused as a whole.
package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// What can be wrong with a change, to be matched by errors.Is. Any other error
// but a [*RefusedError] is a failure of the data plane.
var (
	ErrNoService = errors.New("no such service")
	ErrNoMember  = errors.New("no such member")

	// a service keeps its scope for as long as it is there
	ErrScope = errors.New("its scope can't change while it is served: give it another name, too")
)

// A RefusedError says why a change can't be made. The state is as it was.
type RefusedError struct {
	Service string
	Err     error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("service %q: %v", e.Service, e.Err) }

// Unwrap returns e.Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// A Registry is the services of a gateway and their members, as they are in
// force. It is safe for concurrent use; changes wait for each other.
type Registry struct {
	*shared
	by string // who makes changes by it
}

// shared is what the registries that [Registry.By] returns have in common.
type shared struct {
	// Keep has the kernel keep the MAC address of a neighbour behind the
	// interface of an index, which it resolves again and again. It is called
	// for members whose address was not given, before Run is called or by the
	// methods of the registry; what it finds comes by SetNeighbour. nil: nobody
	// does.
	Keep func(index int, addr netip.Addr)

	// Check has these members asked whether they serve, and no others; what
	// is found comes by SetHealth, later. nil: nobody does.
	Check func([]health.Target)

	// Now is the clock by which slow starts go and drains end: see Step.
	Now func() time.Time

	// Kernel says that the kernel drops what is for an address of a service and
	// comes to it. It is set before Flow is called.
	Kernel bool

	// Cluster makes the changes of members, for all gateways that it consists
	// of; nil: members are this gateway's own. It is set before services are.
	Cluster Cluster

	plane   plane.Plane
	domain  *selector.Domain
	in      []string
	logger  *slog.Logger
	running atomic.Bool

	mu       sync.Mutex
	services []*service
	learned  []config.Service // that routers announce, as they were learned
	lost     Lost             // of those
	byName   map[string]*service
	roster   roster
	edits    uint64  // counts what puts others in force
	places   *places // nil: nobody asked since the last edit
	outputs  outputs
	host     host
	behind   bool // the plane does not have all that is known
	unopened bool // the plane did not close what it was to
	unsynced bool // the plane may still have a change that failed
	drains   drains
	told     []plane.Release   // what the plane was told of drains that ended
	untold   bool              // it may not know what it was told
	awaited  drains            // from a snapshot, of learned members that no router has announced yet
	ramping  map[*service]bool // those with members on a slow start
	origin   string
	changes  []Change
	// members that the configuration drains, by service and ID
	configured map[[2]string]bool

	// whose flows are to be counted
	detours  []detour
	began    []began
	counting bool
}

// A service is the running state of a configured service.
type service struct {
	config.Service
	group   *engine.Group
	drained map[string]uint32 // the weights that drained members had before

	failed map[string]failed // members that failed the last check
	down   map[string]bool   // members that somebody said are down
	lost   map[string]error  // members that are lost, of a service that is learned
	panics bool              // so many fail the check that it is not looked at
	toldSo bool              // the history says that they do

	owned map[string]float64 // shares of the hashes, by ID
	ramps map[string]ramp    // members that have a slow start, by ID

	foreseen effect // of the change that prebuild built for
}

// New returns a registry without services over a plane whose packets come in by
// the given interfaces. The domain is the one that the plane was made with.
// Changes are logged.
func New(p plane.Plane, domain *selector.Domain, in []string, log *slog.Logger) *Registry {
	return &Registry{shared: &shared{
		plane: p, domain: domain, in: in, logger: log, host: newHost(in), drains: make(drains),
		byName: make(map[string]*service), roster: newRoster(), outputs: newOutputs(),
		Now: time.Now, ramping: make(map[*service]bool), awaited: make(drains),
	}}
}

// By returns the same registry for changes that someone makes. They are logged
// with that name, which says who it is and by which way they come.
func (r *Registry) By(who string) *Registry { return &Registry{r.shared, who} }

// Run forwards until ctx ends, and then returns nil; or it returns the error
// that the plane can't go on after.
func (r *Registry) Run(ctx context.Context) error {
	r.running.Store(true)
	defer r.running.Store(false)
	return r.plane.Run(ctx)
}

// Health returns nil if a packet for some service is forwarded if it comes in
// now: the plane runs, one of its interfaces has a carrier, and a service has a
// member that takes new flows. Else it says what is missing. [Registry.HealthOf]
// tells of each service.
func (r *Registry) Health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.receives(); err != nil {
		return err
	}
	for _, s := range r.services {
		if s.usable() {
			return nil
		}
	}
	return errors.New("no service has a member that takes flows")
}

// HealthOf returns nil if a packet for this service that comes in now is
// forwarded. Else it says what is missing.
func (r *Registry) HealthOf(service string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return err
	}
	return r.healthOf(s)
}

func (r *Registry) healthOf(s *service) error {
	if err := r.receives(); err != nil {
		return err
	}
	if !s.usable() {
		return errors.New("no member takes flows")
	}
	return nil
}

// receives says why no packet comes in.
func (r *Registry) receives() error {
	if !r.running.Load() {
		return errors.New("the data plane is not running")
	}
	if f, ok := r.plane.(interface{ Fault() error }); ok {
		// Routers need not hear that one plane follows another one.
		if err := f.Fault(); err != nil && !errors.Is(err, plane.ErrAnew) {
			return err
		}
	}
	if !slices.ContainsFunc(r.in, r.host.carrier) {
		return fmt.Errorf("no carrier on %v", r.in)
	}
	return nil
}

// usable reports whether the service has a member that takes new flows.
func (s *service) usable() bool { return s.group.Load().Select(0) >= 0 }

// find returns the service of that name.
func (r *Registry) find(name string) (*service, error) {
	if s, ok := r.byName[name]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoService, name)
}

// find returns the index of the member with that ID.
func (s *service) find(id string) (int, error) { return indexIn(s.Members, id) }

func indexIn(members []config.Member, id string) (int, error) {
	i := slices.IndexFunc(members, func(m config.Member) bool { return m.ID == id })
	if i < 0 {
		return -1, fmt.Errorf("%w: %q", ErrNoMember, id)
	}
	return i, nil
}
