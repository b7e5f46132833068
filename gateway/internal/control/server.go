// Package control lets people and programs see and change a gateway over
// HTTP.
//
//	GET    /healthz           200 if a packet that comes in now for one of the
//	                          services is forwarded, else 503 and what is
//	                          missing; it says nothing of the others
//	GET    /members           the members, as the configuration has them
//	PUT    /members           replaces them all at once: a list of members,
//	                          or an object with it as "members"
//	GET    /members/ID        one of them
//	PUT    /members/ID        adds it, or changes what is given; without a
//	                          weight it ends a drain
//	DELETE /members/ID        it is dead: its flows go to others with their
//	                          next packet
//	POST   /members/ID/drain  it gets no new flow, and keeps those it has
//	                          until a PUT ends that or it leaves: a reload of
//	                          the configuration does not.
//	                          ?deadline=10m has the flows that are left then go
//	                          elsewhere, each with its next packet, and ?udp=30s
//	                          those without a connection; 0s is at once. Where
//	                          a flow is many connections, by the key of the
//	                          service, some may be TCP: udp is refused then,
//	                          unless all of them are of another protocol
//	POST   /members/ID/down   it does not serve, says who checks it: packets
//	                          avoid it until up is posted, or it leaves
//	POST   /members/ID/up     it serves again
//	GET    /members/ID/flows  how many flows it has, in which state and how old,
//	                          and how long a drain will take
//	GET    /flow?src=ADDRESS:PORT&dst=ADDRESS:PORT&proto=tcp
//	                          where this flow goes, and why; with proto icmp,
//	                          ends are addresses. In a cluster, also where it
//	                          goes at the other gateways
//	POST   /bgp/drain         routers are to prefer other gateways, and
//	                          nothing is announced to them a while later
//	POST   /bgp/resume        ends that
//	GET    /stats             traffic, flows, members and the last changes
//	GET    /metrics           for Prometheus
//	GET    /                  a live page
//
// These are of the service at the top level of the configuration. Others have
// their members and stats below /services/NAME. There, /services/NAME/healthz is
// the health of one service, also of "default", the one at the top level: that
// is what to announce or withdraw its addresses by. A 2xx means that the change
// is in force. An error is one line of text: 4xx where the request is at fault,
// 500 where the data plane failed.
//
// In a cluster, a change of members is one of all gateways, and a 2xx means that
// it is in the log, and in force at this one. While no NATS server is within
// reach it is refused with 503, or with 403 where the servers don't allow it;
// "down" and "up" are of this gateway alone. /healthz is 200 meanwhile, and says
// since when.
//
// A change is logged, and shown in stats and on the page, with who made it: of a
// unix socket, the user and the process that opened the connection, else its
// address. One that is refused is logged with who asked for it and why, as is a
// request without the token. Where the configuration drains a member that is
// given a weight, the answer has a header "Warning" that says so.
//
// With a token, each request but those for health and the page has to have it
// as "Authorization: Bearer TOKEN".
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Config is what a server serves.
type Config struct {
	Services *services.Registry
	Control  config.Control
	Reloads  *Reloads

	Snapshots *Snapshots // nil: there are none

	Process Process

	Log *slog.Logger // for what is refused; nil: none

	BGP *bgp.Speaker // nil: there are no routers to speak to

	Cluster *joined.Cluster // nil: the gateway is in none

	Findings *host.Findings // what is known of the host; nil: nothing
}

// NewServer returns a server that is ready to serve the listener of [Listen].
func NewServer(c Config) *http.Server {
	return &http.Server{
		Handler:           newHandler(c),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       15 * time.Second, // connections are limited: see Listen
		MaxHeaderBytes:    16 << 10,
	}
}

type server struct {
	Config
	refused *refusals
}

func newHandler(c Config) http.Handler {
	s := &server{c, &refusals{log: c.Log}}
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, withToken(c.Control.Token, h)) }
	handle("GET /stats", s.stats)
	handle("GET /flow", s.flow)
	handle("GET /metrics", newMetrics(c, s.refused).ServeHTTP)
	for _, below := range []string{"", "/services/{service}"} {
		handle("GET "+below+"/members", s.members)
		handle("PUT "+below+"/members", s.setMembers)
		handle("GET "+below+"/members/{id}", s.member)
		handle("GET "+below+"/members/{id}/flows", s.memberFlows)
		handle("PUT "+below+"/members/{id}", s.setMember)
		handle("DELETE "+below+"/members/{id}", s.deleteMember)
		handle("POST "+below+"/members/{id}/drain", s.drainMember)
		handle("POST "+below+"/members/{id}/down", s.setDown(true))
		handle("POST "+below+"/members/{id}/up", s.setDown(false))
	}
	handle("GET /services/{service}/stats", s.serviceStats)
	if c.BGP != nil {
		handle("POST /bgp/drain", s.drainRouters)
		handle("POST /bgp/resume", s.resumeRouters)
	}
	mux.HandleFunc("GET /healthz", s.health) // health and the page need no token
	mux.HandleFunc("GET /services/{service}/healthz", s.serviceHealth)
	addPage(mux)
	return s.refused.watch(guard(c.Control, mux))
}

func serviceOf(r *http.Request) string {
	if name := r.PathValue("service"); name != "" {
		return name
	}
	return config.Default
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	s.tell(w, s.Services.Health())
}

func (s *server) serviceHealth(w http.ResponseWriter, r *http.Request) {
	err := s.Services.HealthOf(serviceOf(r))
	if errors.Is(err, services.ErrNoService) {
		fail(w, err)
		return
	}
	s.tell(w, err)
}

func (s *server) tell(w http.ResponseWriter, unhealthy error) {
	w.Header().Set("Cache-Control", "no-store")
	if unhealthy != nil {
		http.Error(w, oneLine(unhealthy), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok"+s.clusterCut()+"\n")
}

func (s *server) members(w http.ResponseWriter, r *http.Request) {
	members, err := s.Services.Members(serviceOf(r))
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, memberList{members})
}

type memberList struct {
	Members []config.Member `json:"members"`
}

func (s *server) setMembers(w http.ResponseWriter, r *http.Request) {
	body, err := bodyOf(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	members, err := config.ParseMembers(body)
	if err == nil {
		err = s.Services.By(by(r)).SetMembers(serviceOf(r), members)
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, memberList{members})
}

func (s *server) member(w http.ResponseWriter, r *http.Request) {
	members, err := s.Services.Members(serviceOf(r))
	if err != nil {
		fail(w, err)
		return
	}
	for _, m := range members {
		if m.ID == r.PathValue("id") {
			reply(w, http.StatusOK, m)
			return
		}
	}
	fail(w, fmt.Errorf("%w: %q", services.ErrNoMember, r.PathValue("id")))
}

func (s *server) setMember(w http.ResponseWriter, r *http.Request) {
	body, err := bodyOf(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	change, err := config.ParseMemberChange(body) // not in Edit, where all others wait
	if err != nil {
		fail(w, err)
		return
	}
	id := r.PathValue("id")
	edit := func(present *config.Member, drained uint32) (config.Member, error) {
		if present != nil && present.Weight == 0 { // unless a weight is given
			present.Weight = max(drained, 1)
		}
		return change.Of(id, present)
	}
	m, added, err := s.Services.By(by(r)).Edit(serviceOf(r), id, edit)
	if err == nil && m.Weight > 0 && s.Services.DrainedByConfiguration(serviceOf(r), id) {
		w.Header().Set("Warning", `199 - "`+drainedAgain+`"`)
	}
	switch {
	case err != nil:
		fail(w, err)
	case added:
		reply(w, http.StatusCreated, m)
	default:
		reply(w, http.StatusOK, m)
	}
}

const drainedAgain = "the configuration drains this member, and does so again when it is reloaded"

func (s *server) deleteMember(w http.ResponseWriter, r *http.Request) {
	done(w, s.Services.By(by(r)).Delete(serviceOf(r), r.PathValue("id")))
}

func (s *server) drainMember(w http.ResponseWriter, r *http.Request) {
	end, err := endOf(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, oneLine(err), http.StatusBadRequest)
		return
	}
	done(w, s.Services.By(by(r)).DrainUntil(serviceOf(r), r.PathValue("id"), end))
}

// setDown says whether a member is down, for checks that others make.
func (s *server) setDown(down bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		done(w, s.Services.By(by(r)).SetDown(serviceOf(r), r.PathValue("id"), down))
	}
}

func (s *server) stats(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		services.Stats
		Process   processStats   `json:"process"`
		Reloads   reloadStats    `json:"reloads"`
		Snapshots *snapshotStats `json:"snapshots"` // nil: there are none
		Host      []host.Finding `json:"host"`
		BGP       *bgp.State     `json:"bgp,omitempty"`
		Cluster   *joined.State  `json:"cluster,omitempty"`
	}{s.Services.Stats(), s.Process.stats(), s.Reloads.stats(), s.Snapshots.stats(), s.Findings.All(), s.bgpState(),
		s.clusterState()})
}

func (s *server) serviceStats(w http.ResponseWriter, r *http.Request) {
	for _, service := range s.Services.Stats().Services {
		if service.Name == serviceOf(r) {
			reply(w, http.StatusOK, service)
			return
		}
	}
	fail(w, fmt.Errorf("%w: %q", services.ErrNoService, serviceOf(r)))
}

const maxBody = 4 << 20

func bodyOf(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // whoever asked may have gone
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	var wrong *config.Error
	var refused *services.RefusedError
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, services.ErrNoService), errors.Is(err, services.ErrNoMember):
		code = http.StatusNotFound
	case errors.Is(err, services.ErrNoCluster):
		code = http.StatusServiceUnavailable
	case errors.Is(err, services.ErrNotAllowed):
		code = http.StatusForbidden
	case errors.As(err, &wrong):
		code = http.StatusBadRequest
	case errors.As(err, &refused):
		code = http.StatusUnprocessableEntity
	case errors.As(err, &large):
		code = http.StatusRequestEntityTooLarge
	}
	http.Error(w, oneLine(err), code)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
